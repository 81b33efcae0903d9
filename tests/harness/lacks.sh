#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# names a program that does not exist
# needs: bash no-such-program
. "$CBW_LIB"
