/* Settings files: Java-style properties, one `name=value` a line, `#` for comments. A program
 * gives a table of what it knows; unknown names and malformed values are errors with their line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_type {
	SETTING_INT,    /* int64_t, between least and most */
	SETTING_BOOL,   /* bool: true or false */
	SETTING_TEXT,   /* char *, owned by the target */
	SETTING_CHOICE, /* int: the place of the value in choices */
	SETTING_IGNORED /* Kafka knows it and it means nothing here: one warning */
};

struct setting {
	const char *name;
	enum setting_type type;
	size_t offset;              /* in the target struct */
	size_t place_offset;        /* SETTING_TEXT: of a char * that keeps where the value came
				     * from, for who parses it later; 0: not kept */
	const char *default_value;  /* as text; NULL leaves a SETTING_TEXT NULL */
	int64_t least, most;        /* SETTING_INT */
	const char *const *choices; /* SETTING_CHOICE, ends with NULL */
	const char *help;           /* one sentence, with the unit */
};

struct settings_table {
	const struct setting *settings;
	size_t count;
	/* Called with one sentence for each setting that is ignored. May be NULL. */
	void (*warn)(void *context, const char *sentence);
	void *context;
};

enum { SETTINGS_ERROR_BYTES = 512 };

/* Fills target with the defaults. */
void settings_init(const struct settings_table *table, void *target);
void settings_done(const struct settings_table *table, void *target);

/* Sets one value; `place` names where it came from ("--set", "FILE:12"). Returns 0, or -EINVAL with
 * a sentence in error. */
int settings_set(const struct settings_table *table, void *target, const char *place,
		 const char *name, const char *value, char error[static SETTINGS_ERROR_BYTES]);

/* "name=value", as on a command line. */
int settings_set_pair(const struct settings_table *table, void *target, const char *place,
		      const char *pair, char error[static SETTINGS_ERROR_BYTES]);

/* Reads a whole file's text; stops at the first error. */
int settings_parse(const struct settings_table *table, void *target, const char *file_name,
		   const char *text, char error[static SETTINGS_ERROR_BYTES]);
