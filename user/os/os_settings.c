/* Owns the file's bytes; base/settings.h owns its syntax. */
#include "os/os_settings.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SETTINGS_MOST_BYTES = 1 << 20 };

int os_settings_read(const struct settings_table *table, void *target, const char *file_name,
		     char error[static SETTINGS_ERROR_BYTES])
{
	FILE *file = fopen(file_name, "re");
	char *text;
	int rc;

	if (!file) {
		rc = -errno;
		snprintf(error, SETTINGS_ERROR_BYTES, "%s: %s", file_name, strerror(-rc));
		return rc;
	}
	text = mem_alloc(SETTINGS_MOST_BYTES);
	text[fread(text, 1, SETTINGS_MOST_BYTES - 1, file)] = 0;
	rc = ferror(file) ? -EIO : 0;
	fclose(file);
	if (rc < 0)
		snprintf(error, SETTINGS_ERROR_BYTES, "%s: cannot be read", file_name);
	else
		rc = settings_parse(table, target, file_name, text, error);
	mem_free(text);
	return rc;
}

void os_settings_print(const struct settings_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct setting *s = &table->settings[i];

		if (s->type != SETTING_IGNORED)
			printf("# %s\n%s%s=%s\n\n", s->help, s->default_value ? "" : "#", s->name,
			       s->default_value ? s->default_value : "");
	}
}
