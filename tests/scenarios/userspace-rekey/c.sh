# SPDX-License-Identifier: GPL-2.0
OTHER_KIND=boringtun
OUR4=192.168.8.1
. /vm/two.sh
