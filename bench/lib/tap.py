# SPDX-License-Identifier: BSD-3-Clause
"""unittest with TAP on stdout, as the other suites speak."""
import unittest


class Tap(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.lines = []

    def say(self, ok, test, text=''):
        self.lines.append(f'{"ok" if ok else "not ok"} {self.testsRun} - {test.id().split(".", 1)[-1]}')
        self.lines += [f'# {line}' for line in text.splitlines()]

    def addSuccess(self, test):
        super().addSuccess(test)
        self.say(True, test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.say(False, test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.say(False, test, self.errors[-1][1])


def tap_main(module):
    """Runs the module's tests; exit status."""
    result = Tap()
    unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
    print('\n'.join(result.lines))
    print(f'1..{result.testsRun}')
    return 0 if result.wasSuccessful() and result.testsRun else 1
