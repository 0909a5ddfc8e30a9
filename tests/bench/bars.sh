#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# bars.sh TITLE <TABLES >PICTURE.svg: every row "| what | C | ours | ratio |" of the Markdown given as a bar,
# ours as a share of C; a line stands where both are equal. Bars end at twice C, and say so.
set -euo pipefail
awk -F ' *[|] *' -v title="$1" '
	function text(x, y, anchor, colour, what) {
		return sprintf("<text x=\"%d\" y=\"%d\" text-anchor=\"%s\" fill=\"%s\">%s</text>\n", x, y, anchor, colour, what)
	}
	$5 ~ /^[0-9.]+$/ { count++; name[count] = $2; theirs[count] = $3; ours[count] = $4; ratio[count] = $5 + 0 }
	END {
		if (!count) { print "bars.sh: no row with a ratio" >"/dev/stderr"; exit 1 }
		left = 200; unit = 220; height = 60 + count * 26 + 20
		printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 %d\" font-family=\"sans-serif\" font-size=\"12\" role=\"img\" aria-label=\"%s\">\n", height, title
		printf "<!-- SPDX-License-Identifier: GPL-2.0 -->\n<rect width=\"860\" height=\"%d\" fill=\"#fff\"/>\n", height
		printf "<text x=\"14\" y=\"22\" font-size=\"14\" font-weight=\"bold\" fill=\"#222\">%s</text>\n", title
		for (i = 1; i <= count; i++) {
			y = 46 + (i - 1) * 26
			long = ratio[i] > 2 ? 2 : ratio[i]
			printf "%s<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"18\" fill=\"%s\"/>\n", text(left - 8, y + 13, "end", "#222", name[i]),
				left, y, long * unit, ratio[i] <= 1 ? "#4a7ba6" : "#c2703d"
			printf "%s", text(left + (long > 1 ? long : 1) * unit + 8, y + 13, "start", "#444", sprintf("%.2f (%s, C %s)", ratio[i], ours[i], theirs[i]))
		}
		printf "<path d=\"M%d 36V%d\" stroke=\"#222\" stroke-dasharray=\"4 3\"/>\n%s</svg>\n", left + unit, height - 18,
			text(left + unit, height - 4, "middle", "#222", "C")
	}'
