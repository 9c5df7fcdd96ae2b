/* Owns the spelling of file names in a partition's folder. */
#include "plog/file_names.h"

#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

char *file_name_in(const char *folder, const char *name)
{
	return mem_format("%s/%s", folder, name);
}

char *file_name_at(const char *folder, int64_t offset, const char *suffix)
{
	return mem_format("%s/%020" PRId64 "%s", folder, offset, suffix);
}

bool file_name_parse(const char *name, const char *suffix, int64_t *ret_offset)
{
	int64_t offset = 0;

	if (strlen(name) < FILE_NAME_DIGITS || strcmp(name + FILE_NAME_DIGITS, suffix) != 0)
		return false;
	for (int i = 0; i < FILE_NAME_DIGITS; i++) {
		int digit = name[i] - '0';

		if (digit < 0 || digit > 9 || offset > (INT64_MAX - digit) / 10)
			return false;
		offset = offset * 10 + digit;
	}
	*ret_offset = offset;
	return true;
}
