"""The search as an Optuna study: ask and tell, storage, samplers, pruners, importances. Imports Optuna when a study is opened."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gradtop.trainer.config import Config
from gradtop.trainer.jobs.search.config import Settings
from gradtop.trainer.jobs.search.storage import without_password
from gradtop.trainer.record import Run
from gradtop.trainer.record.typed import recorded
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.trials.space import Parameter, Value, grid_point, is_active

if TYPE_CHECKING:
    import optuna

JOURNAL = "optuna.journal"
LOCK_AGE = 5  # seconds after which the lock of a process that was killed is taken; it is held for milliseconds
HAND, GRID, BUDGET, SKIPPED = "gradtop:hand", "gradtop:grid", "gradtop:budget", "gradtop:skipped"  # attributes in the storage
EXTRA = "pip install 'gradtop[search]'"
PARZEN, FANOVA = "ped_anova", "fanova"
FEWEST = 4  # completed trials before an importance says anything


@contextlib.contextmanager
def stored(where: str) -> Iterator[None]:
    """An error of the storage as a sentence. Raises UserError."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"the storage of the search, {where}, failed: {error.strerror or error}; resume the search when that is mended") from error
    except Exception as error:
        module = type(error).__module__
        if not module.startswith(("sqlalchemy", "optuna.exceptions", "optuna.storages", "psycopg", "json")):
            raise
        cause = error.__cause__ or error  # Optuna's own sentence does not say what the database said
        first = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        raise UserError(f"the storage of the search, {where}, failed: {first}; resume the search when it can be reached") from error


class Study:
    """What the search asks and tells; every call may raise UserError, where the storage is locked or gone."""

    def __init__(self, run: Run, settings: Settings, base: Config, space: Sequence[Parameter], *, resume: bool) -> None:
        if find_spec("optuna") is None:
            raise UserError(f"a search requires Optuna, which is not installed: {EXTRA}")
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.filterwarnings("ignore", module=r"optuna\..*")
        self._optuna, self._settings, self._base, self._space = optuna, settings, base, space
        self.objectives = settings.monitored(base)
        self.where = without_password(settings.storage) or JOURNAL
        with self.stored():
            self._storage = open_storage(run, settings)
            directions = [optuna.study.StudyDirection.MAXIMIZE if each.mode == "max" else optuna.study.StudyDirection.MINIMIZE for each in self.objectives]
            names = optuna.study.get_all_study_names(self._storage)
            if resume and run.id not in names and (run.path / "trials.jsonl").exists():
                raise UserError(f"the storage {self.where} has no study {run.id} any more, which has the trials; restore it, or start another search: gradtop rerun {recorded(run)}")
            self.study = optuna.create_study(
                storage=self._storage, study_name=run.id, directions=directions, load_if_exists=True, pruner=pruner_of(settings, base)
            )
            # A sampler that began anew with the same seed would draw again what it has drawn.
            drawn = len(self.study.get_trials(deepcopy=False))
            self.study.sampler = sampler_of(settings, len(self.objectives), (settings.seed + drawn * 1_000_003) % 2**32)

    def stored(self) -> contextlib.AbstractContextManager[None]:
        return stored(self.where)

    def frozen(self) -> list[optuna.trial.FrozenTrial]:
        with self.stored():
            return self.study.get_trials(deepcopy=False)

    @property
    def budget(self) -> int:
        """Trials in total, as far as it was extended; 0 without a limit."""
        with self.stored():
            return int(self.study.user_attrs.get(BUDGET, self._settings.trials))

    def extend(self, budget: int) -> None:
        with self.stored():
            self.study.set_user_attr(BUDGET, budget)

    def begin_again(self, budget: int) -> None:
        """Have that many trials in total; a grid begins anew."""
        self.extend(budget)
        with self.stored():
            self.study.set_user_attr(SKIPPED, self._points())

    def _points(self) -> int:
        """How many points of the grid were asked for."""
        return sum(GRID in each.user_attrs for each in self.study.get_trials(deepcopy=False))

    def enqueue(self, params: Mapping[str, Value]) -> None:
        """Have the next trial use these values; the sampler chooses the others."""
        with self.stored():
            self.study.enqueue_trial(dict(params), user_attrs={HAND: True})

    @property
    def waiting(self) -> bool:
        """Whether a trial was added by hand that nobody has asked for."""
        with self.stored():
            return bool(self.study.get_trials(deepcopy=False, states=(self._optuna.trial.TrialState.WAITING,)))

    def ask(self) -> tuple[optuna.trial.Trial, dict[str, Value]] | None:
        """The next trial and its values; None where a grid has no more."""
        with self.stored():
            if self._settings.sampler == "grid" and not self.waiting:
                number = self._points() - int(self.study.user_attrs.get(SKIPPED, 0))
                point = grid_point(self._space, self._base, number)
                if point is None:
                    return None
                self.study.enqueue_trial(point, user_attrs={GRID: number})
            trial = self.study.ask()
            return trial, self.suggest(trial)

    def again(self, frozen: optuna.trial.FrozenTrial) -> tuple[optuna.trial.Trial, dict[str, Value]]:
        """A trial that was asked for by a process that has gone; values that it had not come to are chosen now."""
        with self.stored():
            trial = self._optuna.trial.Trial(self.study, frozen._trial_id)  # noqa: SLF001 - Optuna has no other way to take up a trial
            return trial, self.suggest(trial)

    def suggest(self, trial: optuna.trial.Trial) -> dict[str, Value]:
        chosen: dict[str, Value] = {}
        for each in self._space:
            if not is_active(each, self._base, chosen):
                continue
            if each.kind == "choice":
                value = trial.suggest_categorical(each.key, each.choices)
                chosen[each.key] = next(choice for choice in each.choices if choice == value)
            elif each.kind == "int":
                chosen[each.key] = trial.suggest_int(each.key, int(each.low), int(each.high), step=int(each.step) or 1, log=each.log)
            else:
                value = trial.suggest_float(each.key, each.low, each.high, step=each.step or None, log=each.log)
                chosen[each.key] = float(f"{value:.12g}") if each.step else value  # 3 · 0.1 is 0.3
        return chosen

    def report(self, trial: optuna.trial.Trial, value: float, step: int) -> bool:
        """An evaluation of a trial; whether it should be pruned."""
        with self.stored():
            trial.report(value, step)
            return bool(trial.should_prune())

    def tell(self, number: int, values: Sequence[float] | None, state: str) -> None:
        """`state` is "complete", "pruned" or "fail"; a second time for a trial changes nothing."""
        states = {"complete": self._optuna.trial.TrialState.COMPLETE, "pruned": self._optuna.trial.TrialState.PRUNED, "fail": self._optuna.trial.TrialState.FAIL}
        with self.stored():
            self.study.tell(number, list(values) if values is not None and state == "complete" else None, state=states[state], skip_if_finished=True)

    def best(self) -> tuple[int, ...]:
        """The number of the best trial, or those of the Pareto front."""
        with self.stored():
            return tuple(sorted(trial.number for trial in self.study.best_trials))

    def importances(self) -> tuple[dict[str, dict[str, dict[str, float]]], str]:
        """Shares by parameter, by objective, by evaluator; and why there are none."""
        # A pruned trial has a value too, that of its last evaluation, but no evaluator takes it.
        complete = sum(trial.state is self._optuna.trial.TrialState.COMPLETE for trial in self.frozen())
        if complete < FEWEST:
            return {}, f"importances require {FEWEST} completed trials"
        evaluators: dict[str, Any] = {PARZEN: self._optuna.importance.PedAnovaImportanceEvaluator}
        if find_spec("sklearn") is not None:
            evaluators[FANOVA] = lambda: self._optuna.importance.FanovaImportanceEvaluator(seed=self._settings.seed)
        found: dict[str, dict[str, dict[str, float]]] = {}
        why = ""
        for name, evaluator in evaluators.items():
            for place, objective in enumerate(self.objectives):
                # PED-ANOVA asks what the lowest tenth has in common, whatever the direction of the study, where it is told of a target.
                sign = -1 if name == PARZEN and objective.mode == "max" else 1
                target = (lambda trial, place=place, sign=sign: sign * trial.values[place]) if len(self.objectives) > 1 else None
                try:
                    with self.stored():
                        shares = self._optuna.importance.get_param_importances(self.study, evaluator=evaluator(), target=target)
                except (ValueError, RuntimeError, UserError) as error:
                    why = f"no importances: {(str(error).splitlines() or [''])[0]}"
                    continue
                found.setdefault(name, {})[objective.name] = {key: float(share) for key, share in shares.items()}
        return found, "" if found else why


def open_storage(run: Run, settings: Settings) -> Any:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
    from sqlalchemy.exc import NoSuchModuleError

    if not settings.storage:
        path = str(run.path / JOURNAL)
        return JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path, grace_period=LOCK_AGE)))
    shown = without_password(settings.storage)
    url = settings.storage.replace("postgresql://", "postgresql+psycopg://", 1) if find_spec("psycopg2") is None else settings.storage
    try:
        if url.startswith("redis"):
            from optuna.storages.journal import JournalRedisBackend

            return JournalStorage(JournalRedisBackend(url))
        return RDBStorage(url, engine_kwargs={"pool_pre_ping": True})
    except ImportError as error:
        # Optuna says "Please install appropriate one"; the error behind its own names the module.
        missing = error.__cause__ or error.__context__
        needed = missing.name if isinstance(missing, ModuleNotFoundError) and missing.name else url.partition(":")[0]
        raise UserError(f"the storage {shown} requires the Python module {needed}, which is not installed") from error
    except ValueError as error:
        raise UserError(f"the storage {shown} cannot be opened: {(str(error).splitlines() or [''])[0]}") from error
    except NoSuchModuleError as error:
        raise UserError(f"the storage {shown}: SQLAlchemy knows no database of the kind {url.partition(':')[0]}") from error


def sampler_of(settings: Settings, objectives: int, seed: int) -> optuna.samplers.BaseSampler:
    import optuna

    match settings.sampler:
        case "gp":
            if find_spec("scipy") is None:
                raise UserError(f"search.sampler = gp requires SciPy: {EXTRA}")
            return optuna.samplers.GPSampler(seed=seed)
        case "cmaes":
            if find_spec("cmaes") is None:
                raise UserError(f"search.sampler = cmaes requires cmaes: {EXTRA}")
            return optuna.samplers.CmaEsSampler(seed=seed)
        case "tpe":
            # Trials that train at the same time are not suggested twice.
            return optuna.samplers.TPESampler(seed=seed, constant_liar=settings.workers > 1 and objectives == 1)
        case _:
            return optuna.samplers.RandomSampler(seed=seed)


def pruner_of(settings: Settings, base: Config) -> optuna.pruners.BasePruner:
    import optuna

    match settings.pruner:
        case "median":
            return optuna.pruners.MedianPruner()
        case "hyperband":
            return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=max(base.training.epochs, 1))
        case "wilcoxon":
            return optuna.pruners.WilcoxonPruner()
        case _:
            return optuna.pruners.NopPruner()
