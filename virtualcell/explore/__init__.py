"""What the Explore page computes, without the page: comparisons, scores of gene sets, annotations, maps of subsets."""

from virtualcell.explore.by_group import by_group, short_names, values_of
from virtualcell.explore.compare import compare, describe
from virtualcell.explore.score import find_genes, read_sets, score_set

__all__ = ["by_group", "compare", "describe", "find_genes", "read_sets", "score_set", "short_names", "values_of"]
