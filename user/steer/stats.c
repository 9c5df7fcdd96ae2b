/* Owns the presentation of counters. Names come from STEER_VERDICTS, so none can be missing. */
#include "steer/stats.h"

#include "bellwether/mirror_maps.h"

#include <inttypes.h>

struct verdict_text {
	const char *name, *meaning;
};

static const struct verdict_text verdicts[] = {
#define STEER_VERDICT_TEXT(name, text, meaning) {text, meaning},
	STEER_VERDICTS(STEER_VERDICT_TEXT)
#undef STEER_VERDICT_TEXT
};
_Static_assert(sizeof(verdicts) / sizeof(*verdicts) == STEER_VERDICT_COUNT,
	       "a verdict has no name");

static const struct verdict_text mirror_verdicts[] = {
#define MIRROR_VERDICT_TEXT(name, text, meaning) {text, meaning},
	MIRROR_VERDICTS(MIRROR_VERDICT_TEXT)
#undef MIRROR_VERDICT_TEXT
};
_Static_assert(sizeof(mirror_verdicts) / sizeof(*mirror_verdicts) == MIRROR_VERDICT_COUNT,
	       "a mirror verdict has no name");

static void print_verdict(const struct verdict_text *text, bool is_first,
			  const struct verdict_stats *sum, bool json, FILE *to)
{
	uint64_t packets = sum->packets, bytes = sum->bytes;

	if (json)
		fprintf(to, "%s\"%s\":{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 "}",
			is_first ? "" : ",", text->name, packets, bytes);
	else if (packets > 0)
		fprintf(to, "%-18s %14" PRIu64 " %16" PRIu64 "  %s\n", text->name, packets, bytes,
			text->meaning);
}

static void print_slot(uint32_t slot, const struct slot_stats *sum, bool json, bool first, FILE *to)
{
	uint64_t packets = sum->packets, bytes = sum->bytes, syns = sum->syns;
	uint64_t forwarded = sum->forwarded;

	if (json)
		fprintf(to,
			"%s{\"slot\":%u,\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64
			",\"syns\":%" PRIu64 ",\"forwarded\":%" PRIu64 "}",
			first ? "" : ",", slot, packets, bytes, syns, forwarded);
	else
		fprintf(to, "%-18u %14" PRIu64 " %16" PRIu64 " %10" PRIu64 " %14" PRIu64 "\n", slot,
			packets, bytes, syns, forwarded);
}

static int print_verdicts(const struct maps *maps, bool json, FILE *to)
{
	struct verdict_stats sum;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < STEER_VERDICT_COUNT; i++) {
		rc = maps_read_verdict(maps, i, &sum);
		if (rc == 0)
			print_verdict(&verdicts[i], i == 0, &sum, json, to);
	}
	return rc;
}

/* Nothing where the mirroring program never was. */
static int print_mirror_verdicts(const struct maps *maps, bool json, FILE *to)
{
	struct verdict_stats sum;
	int rc = 0;

	if (maps->mirror_verdicts < 0)
		return 0;
	for (uint32_t i = 0; rc == 0 && i < MIRROR_VERDICT_COUNT; i++) {
		rc = maps_read_mirror_verdict(maps, i, &sum);
		if (rc == 0)
			print_verdict(&mirror_verdicts[i], i == 0, &sum, json, to);
	}
	return rc;
}

static int print_slots(const struct maps *maps, bool json, FILE *to)
{
	struct slot_stats sum;
	bool first = true;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < STEER_SLOTS_MAX; i++) {
		rc = maps_read_slot(maps, i, &sum);
		if (rc < 0 || sum.packets == 0)
			continue;
		print_slot(i, &sum, json, first, to);
		first = false;
	}
	return rc;
}

static int print_resets(const struct maps *maps, bool json, FILE *to)
{
	struct reset_stats stats;
	const char *comma = "";
	int rc = maps_read_resets(maps, &stats);

	if (rc < 0)
		return rc;
#define PRINT(member, text, meaning)                                                               \
	if (json)                                                                                  \
		fprintf(to, "%s\"" text "\":%" PRIu64, comma, (uint64_t)stats.member);             \
	else if (stats.member > 0)                                                                 \
		fprintf(to, "%-18s %14" PRIu64 "  %s\n", text, (uint64_t)stats.member, meaning);   \
	comma = ",";
	STEER_RESETS(PRINT)
#undef PRINT
	return 0;
}

int stats_print(const struct maps *maps, bool json, FILE *to)
{
	int rc;

	if (json)
		fputs("{\"verdicts\":{", to);
	else
		fprintf(to, "%-18s %14s %16s  %s\n", "verdict", "packets", "bytes", "a frame that");
	rc = print_verdicts(maps, json, to);
	if (json)
		fputs("},\"mirror\":{", to);
	else if (maps->mirror_verdicts >= 0)
		fprintf(to, "\n%-18s %14s %16s  %s\n", "mirroring", "packets", "bytes",
			"a piece that");
	if (rc == 0)
		rc = print_mirror_verdicts(maps, json, to);
	if (json)
		fputs("},\"slots\":[", to);
	else
		fprintf(to, "\n%-18s %14s %16s %10s %14s\n", "slot", "packets", "bytes", "syns",
			"forwarded");
	if (rc == 0)
		rc = print_slots(maps, json, to);
	if (json)
		fputs("],\"resets\":{", to);
	else
		fprintf(to, "\n%-18s %14s\n", "active reset", "count");
	if (rc == 0)
		rc = print_resets(maps, json, to);
	if (json)
		fputs("}}\n", to);
	return rc;
}
