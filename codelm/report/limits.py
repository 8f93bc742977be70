"""What the page does not say."""

LIMITS = (
    "Easier to predict is not correct. Nothing a model wrote was compiled or run; only syntax was checked.",
    "All is measured on this repository's own later commits. It says nothing about another repository, nor about this "
    "one in a year.",
    "The intervals say what other commits of the same kind might have given. They do not cover another training with "
    "another seed.",
    "The base may have read a public repository, later commits included, when it was made. That makes "
    "the code easier for both, and the gain smaller.",
    "All added lines include many that the training snapshot holds. The new lines are the honest count.",
    "Alike is not counted from zero: unrelated lines of one repository, as long as a hole, are about a quarter alike.",
    "The three best and three worst holes are extremes, chosen by the outcome. The tables are the measurement.",
    "Idioms are counted in samples of functions, and code inside macros is not seen.",
    "That nothing was recited in the windows tried does not prove that nothing can be.",
)
