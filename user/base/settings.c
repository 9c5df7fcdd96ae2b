/* Owns the syntax of settings files and the conversion of values; what a setting means is its
 * program's business. */
#include "base/settings.h"

#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct setting *find(const struct settings_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table->settings[i].name, name) == 0)
			return &table->settings[i];
	return NULL;
}

static int set_int(const struct setting *s, int64_t *target, const char *place, const char *value,
		   char *error)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (errno || end == value || *end || number < s->least || number > s->most) {
		snprintf(error, SETTINGS_ERROR_BYTES,
			 "%s: %s=%s: must be a whole number from %lld to %lld", place, s->name,
			 value, (long long)s->least, (long long)s->most);
		return -EINVAL;
	}
	*target = number;
	return 0;
}

static int set_bool(const struct setting *s, bool *target, const char *place, const char *value,
		    char *error)
{
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0) {
		snprintf(error, SETTINGS_ERROR_BYTES, "%s: %s=%s: must be true or false", place,
			 s->name, value);
		return -EINVAL;
	}
	*target = value[0] == 't';
	return 0;
}

static int set_choice(const struct setting *s, int *target, const char *place, const char *value,
		      char *error)
{
	int used;

	for (int i = 0; s->choices[i]; i++) {
		if (strcmp(s->choices[i], value) == 0) {
			*target = i;
			return 0;
		}
	}
	used = snprintf(error, SETTINGS_ERROR_BYTES, "%s: %s=%s: must be one of", place, s->name,
			value);
	for (int i = 0; s->choices[i] && used < SETTINGS_ERROR_BYTES; i++)
		used += snprintf(error + used, (size_t)(SETTINGS_ERROR_BYTES - used), " %s",
				 s->choices[i]);
	return -EINVAL;
}

static void set_text(char **target, const char *value)
{
	mem_free(*target);
	*target = mem_string(value);
}

static int set_value(const struct settings_table *table, void *target, const struct setting *s,
		     const char *place, const char *value, char *error)
{
	void *member = (char *)target + s->offset;
	char sentence[SETTINGS_ERROR_BYTES];
	char **text = member;

	switch (s->type) {
	case SETTING_INT:
		return set_int(s, member, place, value, error);
	case SETTING_BOOL:
		return set_bool(s, member, place, value, error);
	case SETTING_CHOICE:
		return set_choice(s, member, place, value, error);
	case SETTING_TEXT:
		set_text(text, value);
		if (s->place_offset)
			set_text((char **)((char *)target + s->place_offset), place);
		return 0;
	case SETTING_IGNORED:
		snprintf(sentence, sizeof(sentence), "%s: %s has no meaning here and is ignored",
			 place, s->name);
		if (table->warn)
			table->warn(table->context, sentence);
		return 0;
	}
	return -EINVAL;
}

void settings_init(const struct settings_table *table, void *target)
{
	char error[SETTINGS_ERROR_BYTES];

	for (size_t i = 0; i < table->count; i++) {
		const struct setting *s = &table->settings[i];

		if (s->type == SETTING_TEXT) {
			*(char **)((char *)target + s->offset) = mem_string(s->default_value);
			if (s->place_offset)
				*(char **)((char *)target + s->place_offset) = NULL;
		} else if (s->type != SETTING_IGNORED)
			set_value(table, target, s, "default", s->default_value, error);
	}
}

void settings_done(const struct settings_table *table, void *target)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct setting *s = &table->settings[i];

		if (s->type == SETTING_TEXT)
			mem_free(*(char **)((char *)target + s->offset));
		if (s->type == SETTING_TEXT && s->place_offset)
			mem_free(*(char **)((char *)target + s->place_offset));
	}
}

int settings_set(const struct settings_table *table, void *target, const char *place,
		 const char *name, const char *value, char error[static SETTINGS_ERROR_BYTES])
{
	const struct setting *s = find(table, name);

	if (!s) {
		snprintf(error, SETTINGS_ERROR_BYTES, "%s: unknown setting %s", place, name);
		return -EINVAL;
	}
	return set_value(table, target, s, place, value, error);
}

/* Cuts white space off both ends, in place. */
static char *trim(char *text)
{
	size_t size;

	while (isspace((unsigned char)*text))
		text++;
	for (size = strlen(text); size > 0 && isspace((unsigned char)text[size - 1]); size--)
		text[size - 1] = 0;
	return text;
}

int settings_set_pair(const struct settings_table *table, void *target, const char *place,
		      const char *pair, char error[static SETTINGS_ERROR_BYTES])
{
	char *copy = mem_string(pair);
	char *equals = strchr(copy, '=');
	int rc = -EINVAL;

	if (equals) {
		*equals = 0;
		rc = settings_set(table, target, place, trim(copy), trim(equals + 1), error);
	} else {
		snprintf(error, SETTINGS_ERROR_BYTES, "%s: %s: expected name=value", place, pair);
	}
	mem_free(copy);
	return rc;
}

int settings_parse(const struct settings_table *table, void *target, const char *file_name,
		   const char *text, char error[static SETTINGS_ERROR_BYTES])
{
	char *copy = mem_string(text), *rest = copy, *line;
	int rc = 0;

	for (int number = 1; rc == 0 && (line = strsep(&rest, "\n")); number++) {
		char *place;

		line = trim(line);
		if (*line == 0 || *line == '#')
			continue;
		place = mem_format("%s:%d", file_name, number);
		rc = settings_set_pair(table, target, place, line, error);
		mem_free(place);
	}
	mem_free(copy);
	return rc;
}
