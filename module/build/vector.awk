# SPDX-License-Identifier: GPL-2.0
# Reads `objdump -dr --no-show-raw-insn` of the vector object. For each function it prints
#   <level or -> <registers: x y z> <stack> <deepest stack with all that it calls> <name>
# and for each fault a line that begins with `fault`.
#
# What is a vector function is told by its path: a free function in a module (or of a name) that
# says ssse3, avx2, avx512 or ifma, below x86. Methods only lead there.

# The level that a symbol (Rust's v0 mangling) belongs to.
function level_of(name,    rest, length_of, part) {
	if (name !~ /^_RI?NvN/ || !(rest = index(name, "7wg_simd3x86"))) return "-"
	rest = substr(name, rest + length("7wg_simd3x86"))
	while (match(rest, /^[0-9]+_?/)) {
		length_of = substr(rest, 1, RLENGTH) + 0
		part = substr(rest, RLENGTH + 1, length_of)
		rest = substr(rest, RLENGTH + 1 + length_of)
		if (part ~ /avx512|ifma/) return "avx512"
		if (part ~ /avx2/) return "avx2"
		if (part ~ /ssse3/) return "ssse3"
	}
	return "-"
}

function hex(text,    i, value) {
	value = 0
	text = tolower(text)
	for (i = 1; i <= length(text); i++)
		value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
	return value
}

# A function that is named by its section and its place there.
function named(target,    plus) {
	if (target in stack) return target
	plus = index(target, "+0x")
	if (plus) target = substr(target, 1, plus - 1) SUBSEP hex(substr(target, plus + 3))
	else target = target SUBSEP 0
	return target in at ? at[target] : ""
}

# The stack of a function with everything below it; a cycle has no bound.
function deepest(name,    i, below, most, target) {
	if (name in depth) return depth[name]
	if (name in open_) { print "fault " name " calls itself"; return 0 }
	open_[name] = 1
	most = 0
	for (i = 1; i <= calls[name]; i++)
		if ((target = named(callee[name, i])) != "") {
			below = deepest(target)
			if (below > most) most = below
		}
	delete open_[name]
	return depth[name] = stack[name] + 8 + most
}

/^Disassembly of section / {
	section = substr($4, 1, length($4) - 1)
	next
}
/^[0-9a-f]+ <.*>:$/ {
	name = substr($2, 2, length($2) - 3)
	at[section, hex($1)] = name
	names[++count] = name
	stack[name] = calls[name] = 0
	next
}
name == "" { next }
/%xmm/ { x[name] = 1 }
/%ymm/ { y[name] = 1 }
/%zmm/ { z[name] = 1 }
/\tpush / { stack[name] += 8 }
/\tsub +\$0x[0-9a-f]+,%rsp/ {
	match($0, /\$0x[0-9a-f]+,%rsp/)
	stack[name] += hex(substr($0, RSTART + 3, RLENGTH - 8))
}
# What is lost to alignment.
/\tand +\$0x[0-9a-f]+,%rsp/ { stack[name] += 64 }
/\tud2/ { print "fault " name " has a path that ends in ud2" }
# A target inside of a function is a jump of its own, or waits for the relocation in the next line.
# User-Mode Linux calls through registers, into which such a relocation puts the address.
/\t(call|jmp) / && /<[^+]*>$/ {
	target = substr($NF, 2, length($NF) - 2)
	if (target != name || /\tcall /) callee[name, ++calls[name]] = target
}
/R_X86_64_(PLT32|PC32)\t/ {
	target = $NF
	sub(/[-+]0x.*/, "", target)
	if (target != name) callee[name, ++calls[name]] = target
}
/R_X86_64_64\t/ && $NF != name { callee[name, ++calls[name]] = $NF }

END {
	for (i = 1; i <= count; i++) {
		name = names[i]
		level = level_of(name)
		wide = (name in z) ? "z" : (name in y) ? "y" : (name in x) ? "x" : "-"
		print level, wide, stack[name], deepest(name), name
		if ((level == "ssse3" && wide == "-") || (level == "avx2" && wide !~ /[yz]/) || (level == "avx512" && wide !~ /[yz]/))
			print "fault " name " has no vector registers of " level ": it is scalar code"
		if (level != "-" && wide ~ (level == "avx512" ? "z" : level == "avx2" ? "y" : "x")) there[level] = 1
	}
	for (i = 1; i <= count; i++) {
		name = names[i]
		if (name !~ /^wg_(seal|open)_/) continue
		level = substr(name, 9)
		exported++
		if (!(level in there)) print "fault " name " is there, but no function with the registers of " level
		if (depth[name] > limit) print "fault " name " may use " depth[name] " bytes of stack; the limit is " limit
	}
	if (!exported) print "fault no function is exported"
}
