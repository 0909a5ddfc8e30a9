#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# line.sh TITLE WHAT-X WHAT-Y <POINTS >PICTURE.svg: a line through the points given, one "x y" a line, over axes that begin at zero.
set -euo pipefail
awk -v title="$1" -v what_x="$2" -v what_y="$3" '
	function text(x, y, anchor, what) {
		return sprintf("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"#444\">%s</text>\n", x, y, anchor, what)
	}
	# The least of 1, 2, 5, 10, 20, ... of which six reach as far as the greatest value.
	function step(most,    size) {
		for (size = 1; ; size *= 10) {
			if (size * 6 >= most) return size
			if (size * 12 >= most) return size * 2
			if (size * 30 >= most) return size * 5
		}
	}
	NF == 2 && $1 ~ /^[0-9.]+$/ && $2 ~ /^[0-9.]+$/ {
		count++; x[count] = $1; y[count] = $2
		if ($1 + 0 > most_x) most_x = $1 + 0
		if ($2 + 0 > most_y) most_y = $2 + 0
	}
	END {
		if (count < 2) { print "line.sh: no two points" >"/dev/stderr"; exit 1 }
		left = 60; top = 46; wide = 770; high = 200
		step_x = step(most_x); step_y = step(most_y)
		most_y = step_y * int((most_y + step_y - 0.001) / step_y)
		printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 296\" font-family=\"sans-serif\" font-size=\"12\" role=\"img\" aria-label=\"%s\">\n", title
		printf "<!-- SPDX-License-Identifier: GPL-2.0 -->\n<rect width=\"860\" height=\"296\" fill=\"#fff\"/>\n"
		printf "<text x=\"14\" y=\"22\" font-size=\"14\" font-weight=\"bold\" fill=\"#222\">%s</text>\n", title
		for (value = 0; value <= most_y; value += step_y) {
			at = top + high - value / most_y * high
			printf "<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/>\n%s", left, at, left + wide, text(left - 6, at + 4, "end", value)
		}
		for (value = 0; value <= most_x; value += step_x) printf "%s", text(left + value / most_x * wide, top + high + 16, "middle", value)
		printf "<path fill=\"none\" stroke=\"#4a7ba6\" stroke-width=\"2\" d=\""
		for (i = 1; i <= count; i++) printf "%s%.1f %.1f", i == 1 ? "M" : "L", left + x[i] / most_x * wide, top + high - y[i] / most_y * high
		printf "\"/>\n%s%s</svg>\n", text(left + wide / 2, top + high + 38, "middle", what_x), text(left - 6, top - 8, "start", what_y)
	}'
