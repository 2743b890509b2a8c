"""Which processes a project makes, and which of them a change concerns."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.dev.process_plan import (
    SAGAS,
    FoundModule,
    FoundProject,
    FoundWorker,
    Reload,
    plan_of,
    reload_of,
)


def module(name: str, *workers: str, files: str = "", problem: str | None = None) -> FoundModule:
    """Make a module of a project; its files are words."""
    return FoundModule(
        name=name,
        workers=tuple(FoundWorker(name=each, target=f"{name}:{each}") for each in workers),
        files=frozenset(files.split()),
        problem=problem,
    )


SHOP = FoundProject(
    modules=(
        module("events", files="events"),
        module("stock", "stock", files="events stock"),
        module("cards", "cards", "refunds", files="events cards"),
    ),
    saga_files=frozenset({"order.yaml"}),
)


def reload(found: FoundProject, *changed: str, everything: bool = False) -> Reload:
    """Say what a change of SHOP asks for."""
    return reload_of(plan_of(SHOP), found, changed=frozenset(changed), everything=everything)


def test_a_process_for_each_worker_and_one_for_all_sagas() -> None:
    """Workers in the order of their modules, sagas last; each as a user would start it."""
    assert {name: each.arguments for name, each in plan_of(SHOP).items()} == {
        "stock": ("run", "worker", "stock:stock"),
        "cards": ("run", "worker", "cards:cards"),
        "refunds": ("run", "worker", "cards:refunds"),
        SAGAS: ("run", "saga"),
    }


def test_a_project_without_sagas_has_no_process_for_them() -> None:
    """Nor has one without workers any for those."""
    assert list(plan_of(FoundProject(modules=SHOP.modules))) == ["stock", "cards", "refunds"]
    assert plan_of(FoundProject()) == {}


def test_a_worker_called_sagas_runs_beside_the_sagas() -> None:
    """Its name is allowed, so neither of the two takes the place of the other."""
    found = FoundProject(modules=(module("lore", SAGAS),), saga_files=SHOP.saga_files)
    assert [each.arguments for each in plan_of(found).values()] == [
        ("run", "worker", "lore:sagas"),
        ("run", "saga"),
    ]


def test_a_worker_that_others_import_is_run_from_where_it_was_made() -> None:
    """In whatever order the modules are listed; so its own files are watched, and no others."""
    made = FoundModule(
        name="stock",
        workers=(FoundWorker(name="stock", target="stock:worker"),),
        files=frozenset({"stock"}),
    )
    seen = FoundModule(name="all", workers=made.workers, files=frozenset({"all", "stock", "cards"}))
    for modules in ((made, seen), (seen, made)):
        (process,) = plan_of(FoundProject(modules=modules)).values()
        assert process.arguments[-1] == "stock:worker"
        assert process.files == {"stock"}


def test_only_those_made_of_a_file_restart_when_it_changes() -> None:
    """A module of events that all import concerns all that import it."""
    assert reload(SHOP, "stock").restart == ("stock",)
    assert reload(SHOP, "cards").restart == ("cards", "refunds")
    assert reload(SHOP, "events").restart == ("stock", "cards", "refunds")
    assert reload(SHOP, "order.yaml").restart == (SAGAS,)
    assert reload(SHOP, "elsewhere").restart == ()
    assert reload(SHOP, everything=True).restart == ("stock", "cards", "refunds", SAGAS)


def test_what_comes_is_started_and_what_goes_is_stopped() -> None:
    """Others go on."""
    found = FoundProject(modules=(module("stock", "stock", "counts", files="events stock"),))
    changes = reload(found)
    assert changes.restart == ("counts",)
    assert changes.stop == ("cards", "refunds", SAGAS)
    assert list(changes.plan) == ["stock", "counts"]


def test_processes_of_a_broken_module_go_on() -> None:
    """Stopping them would not mend it; when it is mended they are restarted."""
    broken = FoundProject(
        modules=(*SHOP.modules[:2], module("cards", files="cards", problem="SyntaxError")),
        saga_files=SHOP.saga_files,
    )
    changes = reload(broken, "cards")
    assert (changes.restart, changes.stop) == ((), ())
    assert list(changes.plan) == list(plan_of(SHOP))
    mended = reload_of(changes.plan, SHOP, changed=frozenset({"cards"}))
    assert mended.restart == ("cards", "refunds")


def test_a_module_that_imports_a_broken_one_is_concerned_when_that_is_mended() -> None:
    """The files are remembered from before, and the broken one is among them."""
    broken = FoundProject(
        modules=tuple(module(each.name, files="events", problem="x") for each in SHOP.modules),
        saga_files=SHOP.saga_files,
    )
    changes = reload(broken, "events")
    assert changes.restart == ()
    mended = reload_of(changes.plan, SHOP, changed=frozenset({"events"}))
    assert mended.restart == ("stock", "cards", "refunds")


def test_sagas_that_cannot_be_read_go_on_as_before() -> None:
    """As workers do; they restart when they can be read again."""
    broken = FoundProject(
        modules=SHOP.modules, saga_files=SHOP.saga_files, saga_problem="no such step"
    )
    assert reload(broken, "order.yaml").restart == ()
    assert broken.problems == ("no such step",)


def test_who_waits_starts_at_any_change() -> None:
    """What it lacks may stand in a file that nobody knows it needs."""
    changes = reload_of(plan_of(SHOP), SHOP, changed=frozenset({"new"}), waiting=("cards",))
    assert changes.restart == ("cards",)


names = st.sampled_from("abcd")
projects = st.builds(
    lambda modules, sagas: FoundProject(modules=tuple(modules), saga_files=sagas),
    st.lists(
        st.builds(
            lambda name, workers, files, problem: FoundModule(
                name=name,
                workers=()
                if problem
                else tuple(FoundWorker(name=f"{name}{w}", target=f"{name}:{w}") for w in workers),
                files=files,
                problem=problem,
            ),
            names,
            st.sets(names),
            st.frozensets(names),
            st.none() | st.just("broken"),
        ),
        unique_by=lambda each: each.name,
    ),
    st.frozensets(names),
)


@given(projects, projects, st.frozensets(names))
def test_what_runs_after_a_reload_is_what_is_planned(
    before: FoundProject, after: FoundProject, changed: frozenset[str]
) -> None:
    """Whatever was and is: kept, restarted and new ones together are the plan; the rest stops."""
    old = plan_of(before)
    changes = reload_of(old, after, changed=changed)
    kept = set(old) - set(changes.stop)
    assert kept | set(changes.restart) == set(changes.plan)
    assert not set(changes.stop) & set(changes.plan)
    for name in kept - set(changes.restart):
        assert old[name] == changes.plan[name]
