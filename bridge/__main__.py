# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m bridge` is the `beatboard` command."""

import sys

from bridge.cli.main import main

sys.exit(main())
