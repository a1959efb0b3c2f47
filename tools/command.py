"""A tool's main function: Hydra's configuration in, mistakes out in one line."""

import difflib
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, NoReturn

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, InstantiationException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nerveceg import processes
from nerveceg.errors import NerveCegError
from nerveceg.tools.quoting import quote_arguments, quoted

Task = Callable[[DictConfig], float | None]
MISTAKE = 2
SHARED = ("train_cls", "train_seg", "infer", "evaluate")
"""Tools whose work several processes can share."""


def command(task: Task) -> Callable[[], None]:
    """The task as a command: exit status 2 and one line for a mistake of the user's.

    HYDRA_FULL_ERROR=1 shows the traceback instead.
    """

    def guarded(config: DictConfig) -> float | None:
        try:
            processes.join(cpu=config.runtime.device == "cpu")
            with _unwound_by_sigterm():
                score = task(config)
            processes.leave()
            return score
        except (NerveCegError, InstantiationException, OmegaConfBaseException) as error:
            _stop(error)
        except (RuntimeError, MemoryError) as error:
            _stop(_about_memory(error))

    def main() -> None:
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
        if {"-h", "--help"} & set(sys.argv[1:]):
            if processes.is_first():
                print(_help(task))
            return
        # argparse refuses overrides on both sides of a flag.
        sys.argv[1:] = sorted(sys.argv[1:], key=lambda word: word not in ("-m", "--multirun"))
        quote_arguments()
        _check_launch(task)
        _check_overrides(sys.argv[1:])
        decorate = hydra.main(
            version_base="1.3", config_path="pkg://nerveceg.conf", config_name="config"
        )
        guarded.__name__ = guarded.__qualname__ = task.__name__
        decorate(guarded)()

    return main


def _about_memory(error: RuntimeError | MemoryError) -> NerveCegError:
    """A lack of memory, or a helper that died of it, in words; raises any other error."""
    from nerveceg.memory import is_out_of_memory

    said = " ".join(str(error).split()).rstrip(".")
    if "DataLoader worker" in said:
        cure = "too little memory is the usual cause; fewer runtime.workers take less"
        return NerveCegError(f"{said}: {cure}")
    if is_out_of_memory(error):
        cure = "a smaller runtime.batch_size or data.geometry.size takes less"
        return NerveCegError(f"out of memory ({said or 'Python'}): {cure}")
    raise error


@contextmanager
def _unwound_by_sigterm() -> Iterator[None]:
    """Let one of several processes remove what it left half-done when the launcher ends it."""
    if processes.count() == 1:
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _check_launch(task: Task) -> None:
    """Let several processes share only what can be shared."""
    if processes.count() == 1:
        return
    if task.__name__ not in SHARED:
        _stop(
            NerveCegError(
                f"{task.__name__} runs as one process: start it without torchrun; "
                f"{', '.join(SHARED)} are what several share"
            )
        )
    if sys.argv[1:2] in (["-m"], ["--multirun"]):
        _stop(
            NerveCegError(
                f"--multirun in a launch of {processes.count()} processes: each run is a launch of "
                "its own; give one value a key, or start the sweep without torchrun"
            )
        )


def _help(task: Task) -> str:
    """The tool's own words with an example, the options of each group, and every key."""
    with hydra.initialize_config_module("nerveceg.conf", version_base="1.3"):
        keys = OmegaConf.to_yaml(hydra.compose("config"))
    options = [f"  {group}: {', '.join(found)}" for group, found in _groups().items()]
    return "\n".join(
        [str(task.__globals__["__doc__"]), "Groups (GROUP=OPTION):", *options, "", "Keys:", keys]
    )


def _groups() -> dict[str, list[str]]:
    """The options of each group of the configuration."""
    folders = {item.name: item for item in resources.files("nerveceg.conf").iterdir()}
    found = {name: _options(folders[name]) for name in sorted(folders) if folders[name].is_dir()}
    return {name: options for name, options in found.items() if options}


def _options(group: Traversable) -> list[str]:
    return sorted(i.name.removesuffix(".yaml") for i in group.iterdir() if i.name.endswith(".yaml"))


def _check_overrides(words: list[str]) -> None:
    """Compose once before Hydra does, whose own message takes six lines."""
    stray = [word for word in words if "=" not in word and not word.startswith(("-", "~"))]
    if stray:
        _stop(NerveCegError(f"{stray[0]} is no override: KEY=VALUE is wanted; --help lists keys"))
    try:
        _check_kinds(_first_of_sweep([word for word in words if not word.startswith("-")]))
    except OverrideParseException as error:
        _stop(NerveCegError(_explain(error, words)))
    except NerveCegError as error:
        _stop(error)


def _check_kinds(overrides: list[str]) -> None:
    """Compose; refuse a word where a number, or true or false, stands without it.

    Raises:
        NerveCegError: it names the override and what is wanted.
    """
    composed = compose(overrides)
    keys = {word: word.lstrip("+~").partition("=")[0] for word in overrides if "${" not in word}
    words = {word: key for word, key in keys.items() if _is_word(composed, key)}
    usual = compose([word for word in overrides if word not in words]) if words else composed
    for word, key in words.items():
        value = OmegaConf.select(usual, key)
        if isinstance(value, int | float):
            kind = "true or false" if isinstance(value, bool) else f"a number, such as {value},"
            raise NerveCegError(f"{word}: {kind} is wanted")


def _is_word(config: DictConfig, key: str) -> bool:
    return isinstance(OmegaConf.select(config, key), str)


def compose(overrides: list[str]) -> DictConfig:
    """The configuration that these words make, before a tool runs or within one.

    Raises:
        NerveCegError: they make none; one line, with the nearest names.
    """
    with _hydra():
        try:
            return hydra.compose("config", overrides=overrides)
        except HydraException as error:
            raise NerveCegError(_explain(error, overrides)) from error


def _hydra() -> AbstractContextManager[object]:
    """What composing happens in: the running tool's Hydra, or one of its own."""
    if GlobalHydra.instance().is_initialized():
        return nullcontext()
    return hydra.initialize_config_module("nerveceg.conf", version_base="1.3")


def _first_of_sweep(overrides: list[str]) -> list[str]:
    """The overrides with the first value of a sweep in place of them all."""
    parsed = OverridesParser.create().parse_overrides(overrides)
    return [
        f"{found.get_key_element()}={next(iter(found.sweep_string_iterator()))}"
        if found.is_sweep_override()
        else word
        for word, found in zip(overrides, parsed, strict=True)
    ]


def _explain(error: Exception, overrides: list[str]) -> str:
    """Hydra's message in one line, with the nearest names."""
    if isinstance(error, OverrideParseException):
        cure = shlex.quote(quoted(error.override))
        return f"{error.override} can't be parsed; in quotes it can: {cure}"
    text = " ".join(str(error).replace("\t", " ").split())
    if "Could not override" not in text:
        return text.split(" Config search path")[0]
    keys = [*_keys(hydra.compose("config")), *_groups()]
    named = {word: word.lstrip("+~").split("=")[0].split("@")[0] for word in overrides}
    wrong = next((word for word, key in named.items() if key not in keys), text)
    key = named.get(wrong, wrong)
    near = difflib.get_close_matches(key, keys, n=3, cutoff=0.5)
    near += [known for known in keys if known.endswith(f".{key}")]
    cure = f"did you mean {' or '.join(near)}?" if near else "--help lists all keys"
    return f"{wrong}: there is no key {key!r}; {cure}"


def _keys(config: DictConfig, prefix: str = "") -> Iterator[str]:
    for key in config:
        name = f"{prefix}{key!s}"
        yield name
        value: Any = None if _is_open(config, str(key)) else config[key]
        if isinstance(value, DictConfig):
            yield from _keys(value, f"{name}.")


def _is_open(config: DictConfig, key: str) -> bool:
    node = config._get_node(key)
    return node is None or (hasattr(node, "_is_missing") and node._is_missing())


def _stop(error: BaseException) -> NoReturn:
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        raise error
    while isinstance(error, HydraException) and error.__cause__ is not None:
        error = error.__cause__
    line = " ".join(str(error).split())
    if processes.speaks():
        print(f"error: {line}", file=sys.stderr)
    raise SystemExit(getattr(error, "status", MISTAKE))
