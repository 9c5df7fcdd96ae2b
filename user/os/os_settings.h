/* What the programs' mains share about settings: reading the file, printing the table. */
#pragma once

#include "base/settings.h"

/* Reads and parses a settings file into target. Returns 0, or -errno with a sentence in error. */
int os_settings_read(const struct settings_table *table, void *target, const char *file_name,
		     char error[static SETTINGS_ERROR_BYTES]);

/* Prints every setting with its meaning, its values and its default, as a file that says nothing
 * new: paragraphs of comments and one line, `name=value`, or `#name=` where there is no default.
 * deploy/etc/explain makes the installed settings files and the manual's lists of it. */
void os_settings_print(const struct settings_table *table);
