"""What tuning a rule has chosen, and what that is worth, as text."""

from tabulate import tabulate

from nerveceg.decision import Rule
from nerveceg.evaluation.bootstrap import Estimate
from nerveceg.evaluation.tuning import Tuning


def tuning_table(tuning: Tuning) -> str:
    """The table for a console: each way to choose masks, its Dice and its regret."""
    rows = [[line.name, _figure(line.dice), _figure(line.regret)] for line in tuning.lines]
    table = tabulate(rows, ("rule", "Dice (95 %)", "regret to hindsight"), disable_numparse=True)
    others = "; ".join(rule_in_words(rule) for rule in tuning.chosen)
    return (
        f"{table}\n\nchosen on all subjects: {rule_in_words(tuning.rule)}\n"
        f"chosen without each fifth of them: {others}"
    )


def rule_in_words(rule: Rule) -> str:
    """A rule in one line."""
    gate = "presence > 1 / (1 + d)" if rule.presence is None else f"presence > {rule.presence:.3g}"
    mask = "pixels >= d / 2" if rule.mask is None else f"pixels >= {rule.mask:.3g}"
    if rule.blur:
        mask += f" after a blur of {rule.blur}"
    return f"{gate}, {mask}" + (f", area >= {rule.area}" if rule.area else "")


def _figure(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
