# SPDX-License-Identifier: GPL-2.0
OTHER_KIND=wireguard-go
OUR4=192.168.7.1
. /vm/two.sh
