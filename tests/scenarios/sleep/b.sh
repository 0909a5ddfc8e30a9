# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh
create
meet
barrier end
