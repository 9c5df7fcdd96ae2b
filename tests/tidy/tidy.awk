# One pass over C, header, shell and make files; prints FILE:LINE: WHAT. Called by tests/tidy/tidy
# with the two tables first, then the files.

function complain(line, what) {
	printf "%s:%d: %s\n", FILENAME, line, what
	found++
}

# ---- the two tables ----

function read_includes(    i) {
	if (/^#/ || NF == 0)
		return
	if ($1 == "group") {
		for (i = 3; i <= NF; i++)
			group_of[$i] = $2
		return
	}
	folders[++folder_count] = $1
	for (i = 2; i <= NF; i++)
		may[$1, $i] = 1
}

function read_calls(    i, name) {
	if (/^#/)
		return
	for (i = 1; i <= NF; i++) {
		name = $i
		sub(/\*$/, "[A-Za-z0-9_]*", name)
		calls = calls (calls == "" ? "" : "|") name
	}
}

# ---- comments, strings and characters become nothing ----

function strip(text,    out, at, first) {
	out = ""
	while (text != "") {
		if (in_comment) {
			at = index(text, "*/")
			if (at == 0)
				return out
			text = substr(text, at + 2)
			in_comment = 0
			continue
		}
		if (!match(text, /\/\*|\/\/|"|'/))
			return out text
		out = out substr(text, 1, RSTART - 1)
		first = substr(text, RSTART, 2)
		text = substr(text, RSTART)
		if (first == "//")
			return out
		if (first == "/*") {
			in_comment = 1
			text = substr(text, 3)
		} else if (match(text, substr(first, 1, 1) == "\"" ? STRING : CHARACTER)) {
			out = out substr(first, 1, 1) substr(first, 1, 1)
			text = substr(text, RLENGTH + 1)
		} else {
			return out
		}
	}
	return out
}

# ---- rules ----

function folder_for(file,    i, best) {
	best = ""
	for (i = 1; i <= folder_count; i++)
		if (index(file, folders[i] "/") == 1 && length(folders[i]) > length(best))
			best = folders[i]
	return best
}

# What the tables call a header: its group, its project folder with /, itself, or libc.
function kind_of(header,    slash, top) {
	if (header in group_of)
		return group_of[header]
	slash = index(header, "/")
	top = slash ? substr(header, 1, slash) : header
	if (top in group_of)
		return group_of[top]
	if (top in project || header ~ /\.skel\.h$/)
		return top
	return "libc"
}

function check_include(header,    folder, kind) {
	folder = folder_for(FILENAME)
	if (folder == "" || (folder, "anything") in may || (folder, header) in may)
		return
	kind = kind_of(header)
	if (quoted && kind == "libc")
		complain(FNR, "\"" header "\": name it from its folder on, as \"base/buffer.h\"")
	else if (!((folder, kind) in may))
		complain(FNR, folder " must not include " header " (tests/tidy/includes.txt)")
}

function check_calls(code,    name) {
	while (match(code, CALL)) {
		name = substr(code, RSTART, RLENGTH)
		gsub(/[^A-Za-z0-9_]/, "", name)
		complain(FNR, name "(): only through struct env here (tests/tidy/calls.txt)")
		code = substr(code, RSTART + RLENGTH)
	}
}

# Variables that outlive a call and can change: at file scope or static in a function.
function check_state(code) {
	if (code ~ /^[ \t]*(static|_Thread_local)[^(]*[;=]/ && code !~ /[^A-Za-z_]const[^A-Za-z_]/ &&
	    code !~ /^[ \t]*static inline/)
		complain(FNR, "mutable state that is not in an object")
}

function check_text() {
	if (length(with_tabs_expanded($0)) > 100)
		complain(FNR, "longer than 100 columns")
	if (/[ \t]$/)
		complain(FNR, "space at the end")
	if (/^ +\t/ || /^        /)
		complain(FNR, "indented with spaces")
}

# grep -q ends at the first line that fits; whoever writes to it is then killed by SIGPIPE, now and
# then, and under pipefail that is a failure of the whole.
function check_pipe() {
	if ((piped && /^[ \t]*grep -[A-Za-z]*q/) || /[^|]\|[ \t]*grep -[A-Za-z]*q/)
		complain(FNR, "a pipe into grep -q: let it read all, >/dev/null")
	piped = /[^|]\|[ \t]*$/
}

function with_tabs_expanded(text,    at) {
	gsub(/[\200-\277]/, "", text) # what continues a character in UTF-8 takes no column
	while ((at = index(text, "\t")) > 0)
		text = substr(text, 1, at - 1) \
		       substr("        ", 1, 8 - (at - 1) % 8) substr(text, at + 1)
	return text
}

function check_function_length(code) {
	if (code ~ /^\{[ \t]*$/)
		function_start = FNR
	if (code ~ /^\}/ && function_start) {
		if (FNR - function_start + 1 > 70)
			complain(function_start, "function of " FNR - function_start + 1 " lines, 70 are allowed")
		function_start = 0
	}
}

function end_file() {
	if (file == "")
		return
	if (lines > 800)
		printf "%s:%d: file of %d lines, 800 are allowed\n", file, lines, lines
	if (file ~ /\.h$/ && !has_pragma)
		printf "%s:1: header without #pragma once\n", file
	found += (lines > 800) + (file ~ /\.h$/ && !has_pragma)
}

BEGIN {
	STRING = "^\"([^\"\\\\]|\\\\.)*\""
	CHARACTER = "^'([^'\\\\]|\\\\.)*'"
	split("base os wire plog quorum meta replica coord fastpath broker http steer ctl bellwether lib", names)
	for (i in names)
		project[names[i] "/"] = 1
}

FILENAME ~ /tests\/tidy\/includes\.txt$/ { read_includes(); next }
FILENAME ~ /tests\/tidy\/calls\.txt$/ { read_calls(); next }

FNR == 1 {
	end_file()
	file = FILENAME
	has_pragma = in_comment = function_start = 0
	is_c = file ~ /\.[ch]$/
	is_script = file ~ /\.sh$/ || /^#!\/bin\/bash/
	piped = 0
	is_core = file ~ /^user\/[a-z]+\// && file !~ /^user\/(os|http|steer|ctl)\//
	# A word, not a member (a->read, a.read) and not the end of a longer word.
	CALL = "(^|[^A-Za-z0-9_.>])(" calls ")[ \t]*\\("
}

{
	lines = FNR
	check_text()
	code = is_c ? strip($0) : $0
	check_function_length(code)
}

is_c && /^[ \t]*#[ \t]*include/ {
	quoted = /"/
	header = $0
	sub(/^[^<"]*[<"]/, "", header)
	sub(/[>"].*/, "", header)
	check_include(header)
}

is_c && /^#pragma once/ { has_pragma = 1 }
is_core { check_calls(code) }
is_script { check_pipe() }
is_c && /^/ && file ~ /^user\// { check_state(code) }

END {
	end_file()
	exit found ? 1 : 0
}
