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

/* Which values a setting may have; nothing of a text. */
static void print_values(const struct setting *s)
{
	if (s->type == SETTING_INT && s->most == INT64_MAX)
		printf("# a whole number from %lld on\n", (long long)s->least);
	else if (s->type == SETTING_INT)
		printf("# a whole number from %lld to %lld\n", (long long)s->least,
		       (long long)s->most);
	else if (s->type == SETTING_BOOL)
		printf("# true or false\n");
	else if (s->type == SETTING_CHOICE) {
		printf("# one of");
		for (int i = 0; s->choices[i]; i++)
			printf(" %s", s->choices[i]);
		printf("\n");
	}
}

void os_settings_print(const struct settings_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct setting *s = &table->settings[i];

		if (s->type == SETTING_IGNORED)
			continue;
		printf("# %s\n", s->help);
		print_values(s);
		printf("%s%s=%s\n\n", s->default_value ? "" : "#", s->name,
		       s->default_value ? s->default_value : "");
	}
}
