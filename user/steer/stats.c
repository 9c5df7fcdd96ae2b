/* Owns the presentation of counters. Names come from STEER_VERDICTS, so none can be missing. */
#include "steer/stats.h"

#include <inttypes.h>

static const struct {
	const char *name, *meaning;
} verdicts[] = {
#define STEER_VERDICT_TEXT(name, text, meaning) {text, meaning},
	STEER_VERDICTS(STEER_VERDICT_TEXT)
#undef STEER_VERDICT_TEXT
};
_Static_assert(sizeof(verdicts) / sizeof(*verdicts) == STEER_VERDICT_COUNT,
	       "a verdict has no name");

static void print_verdict(uint32_t verdict, const struct verdict_stats *sum, bool json, FILE *to)
{
	uint64_t packets = sum->packets, bytes = sum->bytes;

	if (json)
		fprintf(to, "%s\"%s\":{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 "}",
			verdict ? "," : "", verdicts[verdict].name, packets, bytes);
	else if (packets > 0)
		fprintf(to, "%-18s %14" PRIu64 " %16" PRIu64 "  %s\n", verdicts[verdict].name,
			packets, bytes, verdicts[verdict].meaning);
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
			print_verdict(i, &sum, json, to);
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
