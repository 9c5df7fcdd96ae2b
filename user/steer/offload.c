/* Owns the questions to ethtool's ioctl: which number a feature has, and whether it is on. */
#include "steer/offload.h"

#include "base/mem.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FEATURES_MAX = 512, WORD_BITS = 32 };

static int ask(int fd, const char *interface, void *command)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	request.ifr_data = command;
	return ioctl(fd, SIOCETHTOOL, &request);
}

/* Returns how many features there are, 0 when that is not to be had. */
static uint32_t count_features(int fd, const char *interface)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t count;
	} question = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES}};

	if (ask(fd, interface, &question) < 0 || question.info.sset_mask == 0 ||
	    question.count > FEATURES_MAX)
		return 0;
	return question.count;
}

/* Returns the feature's number, or `count`. */
static uint32_t find_feature(int fd, const char *interface, uint32_t count, const char *name)
{
	struct ethtool_gstrings *names =
		mem_alloc(sizeof(*names) + (size_t)count * ETH_GSTRING_LEN);
	uint32_t found = 0;

	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = count;
	if (ask(fd, interface, names) < 0)
		found = count;
	while (found < count && strncmp((char *)names->data + (size_t)found * ETH_GSTRING_LEN, name,
					ETH_GSTRING_LEN) != 0)
		found++;
	mem_free(names);
	return found;
}

static bool feature_is_on(int fd, const char *interface, uint32_t count, uint32_t feature)
{
	uint32_t words = (count + WORD_BITS - 1) / WORD_BITS;
	struct ethtool_gfeatures *features =
		mem_alloc(sizeof(*features) + words * sizeof(features->features[0]));
	bool is_on = true;

	features->cmd = ETHTOOL_GFEATURES;
	features->size = words;
	if (ask(fd, interface, features) == 0)
		is_on = features->features[feature / WORD_BITS].active >> feature % WORD_BITS & 1;
	mem_free(features);
	return is_on;
}

bool offload_segments_udp(const char *interface)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t count, feature;
	bool is_on = true;

	if (fd < 0)
		return true;
	count = count_features(fd, interface);
	feature = count > 0 ? find_feature(fd, interface, count, "tx-udp-segmentation") : count;
	if (feature < count)
		is_on = feature_is_on(fd, interface, count, feature);
	close(fd);
	return is_on;
}
