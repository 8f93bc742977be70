# Sudoku as exact cover, after Knuth's algorithm X but with dicts of sets in place of dancing links.
# Usage: python sudoku.py < puzzle.txt     (81 cells, anything but 1-9 is a blank)
import itertools
import random
import sys


def rules(row, col, digit):
    """The four things that placing a digit settles."""
    box = row // 3 * 3 + col // 3
    return [('cell', row, col), ('row', row, digit), ('col', col, digit), ('box', box, digit)]


CHOICES = {(r, c, d): rules(r, c, d) for r, c, d in itertools.product(range(9), range(9), range(1, 10))}


class Grid(object):
    def __init__(self):
        self.open = {}
        for choice, settled in CHOICES.items():
            for rule in settled:
                self.open.setdefault(rule, set()).add(choice)
        self.placed = []

    def place(self, choice):
        removed = []
        for rule in CHOICES[choice]:
            for rival in self.open[rule]:
                for other in CHOICES[rival]:
                    if other != rule:
                        self.open[other].discard(rival)
            removed.append(self.open.pop(rule))
        self.placed.append(choice)
        return removed

    def lift(self, choice, removed):
        assert self.placed.pop() == choice
        for rule in reversed(CHOICES[choice]):
            self.open[rule] = removed.pop()
            for rival in self.open[rule]:
                for other in CHOICES[rival]:
                    if other != rule:
                        self.open[other].add(rival)

    def solutions(self, shuffle=False):
        if not self.open:
            yield list(self.placed)
            return
        rule = min(self.open, key=lambda r: len(self.open[r]))
        options = sorted(self.open[rule])
        if shuffle:
            random.shuffle(options)
        for choice in options:
            removed = self.place(choice)
            yield from self.solutions(shuffle)
            self.lift(choice, removed)


def parse(text):
    cells = [c for c in text if not c.isspace() and c not in '|-+']
    if len(cells) != 81:
        raise ValueError('a puzzle has 81 cells, this one has %d' % len(cells))
    for i, cell in enumerate(cells):
        if cell in '123456789':
            yield i // 9, i % 9, int(cell)


def solve(text, limit=2):
    """Return up to `limit` solutions as strings of 81 digits; two mean that the puzzle is not a proper one."""
    grid = Grid()
    for clue in parse(text):
        if any(rule not in grid.open for rule in CHOICES[clue]):
            return []
        grid.place(clue)
    found = []
    for solution in itertools.islice(grid.solutions(), limit):
        found.append(''.join(str(d) for _, _, d in sorted(solution)))
    return found


def generate(seed=None):
    """Take clues away from a full grid for as long as the rest determines it."""
    random.seed(seed)
    full = next(Grid().solutions(shuffle=True))
    cells = [str(d) for _, _, d in sorted(full)]
    for i in random.sample(range(81), 81):
        kept, cells[i] = cells[i], '.'
        if len(solve(''.join(cells))) > 1:
            cells[i] = kept
    return ''.join(cells)


def draw(cells):
    lines = []
    for r in range(9):
        row = cells[9 * r:9 * r + 9]
        lines.append(' | '.join(' '.join(row[c:c + 3]) for c in (0, 3, 6)))
        if r in (2, 5):
            lines.append('------+-------+------')
    return '\n'.join(lines)


if __name__ == '__main__':
    answers = solve(sys.stdin.read())
    if not answers:
        sys.exit('no solution')
    print(draw(answers[0]))
    if len(answers) > 1:
        print('(and at least one other)')
