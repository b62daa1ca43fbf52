"""Gene sets: what comes with the product names its source, and what a reader gives is read or refused by line and field."""

from __future__ import annotations

import pytest

from virtualcell.data.gene_sets import members, parse_gmt, shipped
from virtualcell.schema import DataError


def test_sets_that_come_along_name_their_source() -> None:
    found = {one.name: one for one in shipped()}
    assert all(any(year in one.source for year in map(str, range(1980, 2025))) for one in found.values())
    assert (len(found["Cell cycle: S phase"].genes), len(found["Cell cycle: G2 and M phase"].genes)) == (43, 54)
    assert set(found["Interferon score"].genes) == {"IFI27", "IFI44L", "IFIT1", "ISG15", "RSAD2", "SIGLEC1"}
    assert not set(found["Cell cycle: S phase"].genes) & set(found["Cell cycle: G2 and M phase"].genes)


def test_a_file_is_read() -> None:
    one, two = parse_gmt("\ufeffA set\tmy paper\tISG15\tMX1\tISG15\t\r\n\n B \t\tCD3D\n")
    assert (one.name, one.source, one.genes) == ("A set", "my paper", ("ISG15", "MX1"))
    assert (two.name, two.source, two.genes) == ("B", "", ("CD3D",))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("A\ts\tX\nB s X Y", "line 2"),
        ("\ts\tX", "line 1, name"),
        ("A\ts\tX\n\nA\ts\tY", "line 3, name"),
        ("A\ts\t \t", "line 1, genes"),
        ("A\ts\tX,Y", "line 1, genes"),
    ],
)
def test_what_cannot_be_read_is_named_by_line_and_field(text: str, where: str) -> None:
    with pytest.raises(DataError) as error:
        parse_gmt(text, "mine.gmt")
    assert (error.value.file, error.value.field) == ("mine.gmt", where)
    with pytest.raises(DataError, match="no gene sets"):
        parse_gmt("\n \n")


def test_genes_are_found_under_the_names_of_the_data() -> None:
    assert members(["HLA-A", "MX1"], ["MX2", "HLA-A_ENSG00000206503", "MX1"]) == [1, 2]
    assert members(["ISG15"], ["Isg15", "Mx1", "CD8"]) == [0]
    # Human data with some mouse genes: capitals tell one species from the other.
    assert members(["FGFR2"], ["Fgfr2", "TP53", "FKBP5"]) == []
