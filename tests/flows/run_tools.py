"""The command line with the test's own tools in place of the models: python -m tests.flows.run_tools ARGUMENTS."""

import sys

from flows.cli import main
from flows.toolbox import use_toolbox
from tests.flows.tools import Tools

if __name__ == "__main__":
    with use_toolbox(Tools(fail_on="whale", error=RuntimeError("no whale today")).box()):
        main(sys.argv[1:])
