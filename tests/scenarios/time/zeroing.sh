# SPDX-License-Identifier: GPL-2.0
# A session that nobody renews is forgotten 540 seconds after it was made, at both ends.
answered
sleep 600
wire
log 'keypair.* created' zeroing
same "keypairs made" 2 "$(grep -c created /run/log)"
same "zeroings" 2 "$(grep -ci zeroing /run/log)"
for n in 1 2; do
	timer "zeroing $n" "$(stamp created $n)" "$(stamp zeroing $n)" 540
done
