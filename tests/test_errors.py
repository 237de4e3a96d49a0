import gedanken.errors as errors
from gedanken.errors import GedankenError, unknown_name


def test_the_tree_drawn_at_the_top_is_the_tree():
    names = {
        name for name, thing in vars(errors).items() if isinstance(thing, type) and issubclass(thing, GedankenError)
    }
    drawn = {word for word in (errors.__doc__ or "").replace("─", " ").split() if word in names}
    assert drawn == names


def test_an_unknown_name_suggests_the_nearest():
    error = unknown_name("planner", "cme", ["cem", "mppi"])
    assert str(error) == "no planner 'cme'; there are cem, mppi. Did you mean 'cem'?"
    assert isinstance(error, ValueError)
    assert "Did you mean" not in str(unknown_name("planner", "zzz", ["cem"]))
