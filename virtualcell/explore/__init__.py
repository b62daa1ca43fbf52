"""What the Explore page computes, without the page: comparisons, scores of gene sets, annotations, maps of subsets."""

from virtualcell.explore.compare import compare, describe
from virtualcell.explore.score import find_genes, read_sets, score_set

__all__ = ["compare", "describe", "find_genes", "read_sets", "score_set"]
