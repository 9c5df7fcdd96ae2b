# First the list of settings, then the manual page.

# A line may not begin with a dot or an apostrophe, and backslashes have a meaning.
function as_text(line) {
	gsub(/\\/, "\\e", line)
	sub(/^[.']/, "\\\\\\&&", line)
	return line
}

FNR == NR && /^#?[a-z.]+=/ {
	default_value = substr($0, index($0, "=") + 1)
	sub(/^#/, "")
	list = list ".It Sy " substr($0, 1, index($0, "=") - 1) "\n" sentences
	if (default_value != "")
		list = list "Default:\n.Li " as_text(default_value) "\n"
	sentences = ""
	next
}
FNR == NR && /^# / { sentences = sentences as_text(substr($0, 3)) ".\n"; next }
FNR == NR { next }

/^@settings@$/ { printf "%s", list; next }
{ print }
