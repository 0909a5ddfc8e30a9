# SPDX-License-Identifier: GPL-2.0
# The peer without manners.
. /vm/lib.sh
. /vm/steps.sh
get b.private >/run/private
mkfifo /run/wishes
barrier ready
rogue "$OUT4:$PORT" --private /run/private --public "$(get a.public)" --port 4444 --quiet $((SHORT * 250)) \
	</run/wishes >/run/answers &
exec 3>/run/wishes
exec 4< <(tail -n +1 -f --pid=$! /run/answers)
read -r line <&4
same "a session" session "$line"
barrier session
while IFS=';' read -r name replies _ packets; do
	barrier "ready: $name"
	{
		tr '/' '\n' <<<"$packets" | sed 's/^ *//; s/ *$//'
		echo
	} >&3
	found=0
	while read -r line <&4 && [ "$line" != . ]; do
		case "$line" in
		*' -') ;; # a keepalive
		*' 45000024'*" "*) fail "$name: $line" ;;
		# An answer is as long as the request was, and padded to 16 bytes.
		*' 45000024'* | *' 600'*'00103a40'*)
			length=${line#* }
			same "$name: padding of the answer" 0 $((${#length} % 32))
			found=$((found + 1))
			;;
		*) fail "$name: $line" ;;
		esac
	done
	barrier "done: $name"
	same "$name: replies" "${replies# }" "$found"
done < <(steps)
exec 3>&-
barrier end
