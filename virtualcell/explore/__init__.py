"""What the Explore page computes, without the page: comparisons, scores of gene sets, annotations, maps of subsets."""

from virtualcell.explore.annotate import Annotation, annotate
from virtualcell.explore.by_group import by_group, short_names, values_of
from virtualcell.explore.compare import compare, describe
from virtualcell.explore.composition import composition_over_time
from virtualcell.explore.export import export, export_bytes
from virtualcell.explore.reembed import reembed
from virtualcell.explore.score import find_genes, read_sets, score_set
from virtualcell.explore.spaces import read_spaces, spaces, write_spaces

__all__ = [
    "Annotation",
    "annotate",
    "by_group",
    "compare",
    "composition_over_time",
    "describe",
    "export",
    "export_bytes",
    "find_genes",
    "read_sets",
    "read_spaces",
    "reembed",
    "score_set",
    "short_names",
    "spaces",
    "values_of",
    "write_spaces",
]
