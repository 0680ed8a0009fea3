from models.suggestions import nearest, unknown_name


def test_the_name_most_like_a_wrong_one_is_suggested_whatever_its_case() -> None:
    assert nearest("dens", ["Dropout", "Dense"]) == "Dense"
    assert nearest("DENSE", ["Dropout", "Dense"]) == "Dense"


def test_nothing_is_suggested_that_is_only_a_little_alike() -> None:
    assert nearest("sort", ["cursor", "limit"]) is None


def test_a_long_name_is_known_again_by_its_case_and_compared_by_its_beginning() -> None:
    name = "a" * 100
    assert nearest(name.upper(), [name + "b", name]) == name
    assert nearest("x" * 100_000, ["x" * 60]) == "x" * 60


def test_an_unknown_name_is_a_fault_that_says_where_and_what_there_is() -> None:
    fault = unknown_name("widht", ("width", "height"), "#/target", "column")
    assert fault.detail == 'There is no column "widht". Did you mean "width"?'
    assert (fault.pointer, fault.allowed, fault.did_you_mean) == ("#/target", ("width", "height"), "width")
    assert unknown_name("x", (), None, "column").detail == 'There is no column "x".'
