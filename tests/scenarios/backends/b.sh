# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh
create
for value in none ssse3 avx2 avx512 auto; do
	wg show wg0 peers | while read -r peer; do wg set wg0 peer "$peer" remove; done
	meet
	barrier "done $value"
done
wg show wg0 peers | while read -r peer; do wg set wg0 peer "$peer" remove; done
meet
barrier end
