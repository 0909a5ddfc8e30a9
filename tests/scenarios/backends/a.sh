# SPDX-License-Identifier: GPL-2.0
# Loads its module once with each value of the parameter, and talks to the other side.
. /vm/lib.sh
which=$(cat /run/which)

# The back end that the module said it took, when it was loaded last, and the code for X25519.
chosen() { dmesg | sed -n 's/.*wireguard: in Rust; ChaCha20-Poly1305: \([^;]*\);.*/\1/p' | tail -n 1; }
curve() { dmesg | sed -n 's/.*wireguard: in Rust;.*; X25519: //p' | tail -n 1; }

# rank NAME: how demanding a back end, or a value of the parameter, is.
rank() {
	case $1 in
	portable | none) echo 0 ;;
	ssse3) echo 1 ;;
	avx2) echo 2 ;;
	avx512) echo 3 ;;
	auto) echo 4 ;;
	*) fail "no back end is called '$1'" ;;
	esac
}

rmmod wireguard
for value in AVX2 sse2 '""'; do
	if insmod "$which" simd="$value" 2>/run/said; then fail "loaded with simd=$value"; fi
	grep -qi 'invalid' /run/said || fail "simd=$value is refused with: $(cat /run/said)"
	if grep -q '^wireguard ' /proc/modules; then fail "refused, but there"; fi
done

last=portable
for value in none ssse3 avx2 avx512 auto; do
	start=$(date +%s%N)
	insmod "$which" simd=$value
	took=$((($(date +%s%N) - start) / 1000000))
	name=$(chosen)
	curve=$(curve)
	echo "simd=$value: $name, $curve, loaded in $took ms"
	same "parameter" "$value" "$(cat /sys/module/wireguard/parameters/simd)"
	# What the processor lacks is lowered to what it has.
	[ "$(rank "$name")" -le "$(rank $value)" ] || fail "simd=$value gave $name"
	[ "$(rank "$name")" -ge "$(rank "$last")" ] || fail "simd=$value gave $name after $last"
	case $value in
	none) same "back end" portable "$name" ;;
	ssse3) same "back end" ssse3 "$name" ;;
	auto) same "back end" "$last" "$name" ;;
	esac
	last=$name
	# ADX is for where AVX2 may be, too.
	wanted=portable
	case $value in
	none | ssse3) ;;
	*) if grep -qw adx /proc/cpuinfo && grep -qw bmi2 /proc/cpuinfo; then wanted=adx; fi ;;
	esac
	same "X25519" "$wanted" "$curve"

	create
	meet "$OUT4:$PORT"
	reach "$IN4" "$IN6"
	# Lengths around blocks and lanes. One may be lost on its way; all of them are not.
	for size in 0 1 20 36 100 228 500 1000 1392; do
		wait_for 20 ping -q -n -c 1 -W 2 -s $size "$IN4"
	done
	barrier "done $value"
	rmmod wireguard
done
load-module
create
meet "$OUT4:$PORT"
reach "$IN4"
barrier end
