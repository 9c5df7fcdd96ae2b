/* Owns the grammar of listeners, voters and slot addresses in the settings. */
#include "broker/settings.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const listener_names[IMAGE_LISTENERS] = {
	[IMAGE_PLAIN] = "PLAINTEXT",
	[IMAGE_SLOT] = "SLOT",
	[IMAGE_INTERNAL] = "INTERNAL",
};

void image_endpoint_done(struct image_endpoint *endpoint)
{
	mem_free(endpoint->host);
	*endpoint = (struct image_endpoint){0};
}

static struct image_endpoint endpoint_of(const struct net_address *address)
{
	char host[NET_HOST_TEXT_BYTES];

	return (struct image_endpoint){
		.host = mem_string(net_address_format_host(address, host)),
		.address = *address,
	};
}

/* One NAME://HOST:PORT. */
static int parse_listener(const char *setting, const char *text,
			  struct image_endpoint endpoints[static IMAGE_LISTENERS], char *error)
{
	const char *separator = strstr(text, "://");
	size_t size = separator ? (size_t)(separator - text) : 0;
	struct net_address address;

	for (int i = 0; separator && i < IMAGE_LISTENERS; i++) {
		if (strlen(listener_names[i]) != size ||
		    strncmp(text, listener_names[i], size) != 0)
			continue;
		if (net_address_parse(separator + 3, &address) < 0)
			break;
		image_endpoint_done(&endpoints[i]);
		endpoints[i] = endpoint_of(&address);
		return 0;
	}
	snprintf(error, SETTINGS_ERROR_BYTES,
		 "%s: %s: expected PLAINTEXT://, SLOT:// or INTERNAL:// with ADDRESS:PORT", setting,
		 text);
	return -EINVAL;
}

/* Calls `each` for every part of a comma-separated list. */
static int for_each_part(const char *list, int (*each)(void *context, const char *part),
			 void *context)
{
	char *copy = mem_string(list ? list : ""), *rest = copy, *part;
	int rc = 0;

	while (rc == 0 && (part = strsep(&rest, ",")))
		if (*part)
			rc = each(context, part);
	mem_free(copy);
	return rc;
}

struct listener_list {
	const char *setting;
	struct image_endpoint *endpoints;
	char *error;
};

static int add_listener(void *context, const char *part)
{
	struct listener_list *list = context;

	return parse_listener(list->setting, part, list->endpoints, list->error);
}

/* How an error names a setting: where it stands, and its name. Free it with mem_free(). */
static char *placed_name(const char *place, const char *name)
{
	return place ? mem_format("%s: %s", place, name) : mem_string(name);
}

static int parse_listener_list(const char *place, const char *name, const char *text,
			       struct image_endpoint *endpoints, char *error)
{
	char *setting = placed_name(place, name);
	struct listener_list list = {setting, endpoints, error};
	int rc = for_each_part(text, add_listener, &list);

	mem_free(setting);
	return rc;
}

static int parse_listeners(const struct broker_settings *settings,
			   struct broker_addresses *addresses, char *error)
{
	int rc = parse_listener_list(settings->listeners_place, "listeners", settings->listeners,
				     addresses->listeners, error);

	if (rc < 0)
		return rc;
	for (int i = 0; i < IMAGE_LISTENERS; i++)
		if (addresses->listeners[i].host)
			addresses->advertised[i] = endpoint_of(&addresses->listeners[i].address);
	return parse_listener_list(settings->advertised_listeners_place, "advertised.listeners",
				   settings->advertised_listeners, addresses->advertised, error);
}

/* ---- voters ---- */

struct voter_list {
	const char *name;
	struct voter_address *voters;
	int count;
	char *error;
};

static int parse_voter(char *text, struct voter_address *ret_voter)
{
	struct voter_address v = {0};
	struct net_address address;
	char *at = strchr(text, '@'), *end, *last = strrchr(text, ':');
	long id = strtol(text, &end, 10);

	if (!at || end != at || id < 0 || id >= IMAGE_SLOT_ID_BASE)
		return -EINVAL;
	if (last && uuid_parse(last + 1, &v.voter.directory_id) == 0)
		*last = 0;
	if (net_address_parse(at + 1, &address) < 0)
		return -EINVAL;
	v.voter.id = (int32_t)id;
	v.endpoint = endpoint_of(&address);
	*ret_voter = v;
	return 0;
}

static int add_voter(void *context, const char *part)
{
	struct voter_list *list = context;
	char *copy = mem_string(part);
	int rc = -EINVAL;

	if (list->count == QUORUM_MOST_VOTERS)
		snprintf(list->error, SETTINGS_ERROR_BYTES, "%s: more than %d voters", list->name,
			 QUORUM_MOST_VOTERS);
	else if ((rc = parse_voter(copy, &list->voters[list->count])) < 0)
		snprintf(list->error, SETTINGS_ERROR_BYTES, "%s: %s: expected ID@ADDRESS:PORT",
			 list->name, part);
	else
		list->count++;
	mem_free(copy);
	return rc;
}

int broker_parse_voters(const char *name, const char *text,
			struct voter_address voters[static QUORUM_MOST_VOTERS],
			char error[static SETTINGS_ERROR_BYTES])
{
	struct voter_list list = {name, voters, 0, error};
	int rc = for_each_part(text, add_voter, &list);

	return rc < 0 ? rc : list.count;
}

/* ---- slots ---- */

enum { SLOT_MOST_ADDRESSES = 4 };

struct slot_list {
	const char *setting;
	struct broker_addresses *addresses;
	int32_t slot_count;
	int32_t next_slot;
	char *error;
};

/* The next address after a: one more in the port, or in the last four bytes of the host. */
static void step_address(struct net_address *a, bool by_port)
{
	if (by_port)
		a->port++;
	else
		bytes_store_u32(a->ip + 12, bytes_load_u32(a->ip + 12) + 1);
}

static int add_slot_address(struct slot_list *list, int32_t slot, const struct net_address *address)
{
	struct image_endpoint *row = &list->addresses->slots[slot * SLOT_MOST_ADDRESSES];

	for (int i = 0; i < SLOT_MOST_ADDRESSES; i++) {
		if (!row[i].host) {
			row[i] = endpoint_of(address);
			return 0;
		}
	}
	snprintf(list->error, SETTINGS_ERROR_BYTES, "%s: slot %d has more than %d addresses",
		 list->setting, slot, SLOT_MOST_ADDRESSES);
	return -EINVAL;
}

/* HOST[-HOST]:PORT[-PORT] into its first address and how many there are. */
static int parse_range(const char *text, struct net_address *ret_first, int32_t *ret_count,
		       bool *ret_by_port)
{
	const char *colon = strrchr(text, ':'), *host_dash = strchr(text, '-'), *port_dash;
	char *first = mem_string(text), *last = NULL;
	struct net_address from, to;
	int rc = -EINVAL;

	if (!colon)
		goto done;
	port_dash = strchr(colon, '-');
	*ret_by_port = port_dash != NULL;
	if (port_dash) {
		first[port_dash - text] = 0;
		last = mem_format("%.*s:%s", (int)(colon - text), text, port_dash + 1);
	} else if (host_dash && host_dash < colon) {
		mem_free(first);
		first = mem_format("%.*s%s", (int)(host_dash - text), text, colon);
		last = mem_string(host_dash + 1);
	}
	if (net_address_parse(first, &from) < 0 || (last && net_address_parse(last, &to) < 0))
		goto done;
	*ret_first = from;
	*ret_count = 1;
	if (last && port_dash)
		*ret_count = to.port - from.port + 1;
	else if (last)
		*ret_count =
			(int32_t)(bytes_load_u32(to.ip + 12) - bytes_load_u32(from.ip + 12)) + 1;
	rc = *ret_count >= 1 ? 0 : -EINVAL;
done:
	mem_free(first);
	mem_free(last);
	return rc;
}

static int add_slot_part(void *context, const char *part)
{
	struct slot_list *list = context;
	const char *equals = strchr(part, '=');
	char *range = equals ? mem_format("%.*s", (int)(equals - part), part) : mem_string(part);
	struct net_address address;
	bool by_port = false;
	int32_t count = 0;
	int rc = parse_range(range, &address, &count, &by_port);
	long slot = equals ? strtol(equals + 1, NULL, 10) : list->next_slot;

	mem_free(range);
	if (rc < 0 || slot < 0 || slot + count > list->slot_count || (equals && count != 1)) {
		snprintf(list->error, SETTINGS_ERROR_BYTES,
			 "%s: %s: expected ADDRESS:PORT[-PORT], ADDRESS-ADDRESS:PORT or "
			 "ADDRESS:PORT=SLOT, for %d slots in all",
			 list->setting, part, list->slot_count);
		return -EINVAL;
	}
	for (int32_t i = 0; rc == 0 && i < count; i++, step_address(&address, by_port))
		rc = add_slot_address(list, (int32_t)slot + i, &address);
	if (!equals)
		list->next_slot += count;
	return rc;
}

static int parse_slots(const struct broker_settings *settings, struct broker_addresses *addresses,
		       char *error)
{
	struct slot_list list = {.addresses = addresses,
				 .slot_count = (int32_t)settings->slot_count,
				 .error = error};
	char *setting;
	int rc;

	if (!settings->slot_addresses || !*settings->slot_addresses)
		return 0;
	addresses->per_slot = SLOT_MOST_ADDRESSES;
	addresses->slot_count = list.slot_count;
	addresses->slots = mem_alloc((size_t)settings->slot_count * SLOT_MOST_ADDRESSES *
				     sizeof(*addresses->slots));
	setting = placed_name(settings->slot_addresses_place, "slots.addresses");
	list.setting = setting;
	rc = for_each_part(settings->slot_addresses, add_slot_part, &list);
	if (rc == 0 && list.next_slot != list.slot_count) {
		snprintf(error, SETTINGS_ERROR_BYTES, "%s: %d addresses for %d slots", setting,
			 list.next_slot, list.slot_count);
		rc = -EINVAL;
	}
	mem_free(setting);
	return rc;
}

static int parse_voters(const struct broker_settings *settings,
			struct voter_address voters[static QUORUM_MOST_VOTERS], char *error)
{
	char *setting = placed_name(settings->quorum_voters_place, "controller.quorum.voters");
	int rc = broker_parse_voters(setting, settings->quorum_voters, voters, error);

	mem_free(setting);
	return rc;
}

/* Port 0 would be one that nobody knows. */
static int parse_metrics(const struct broker_settings *settings, struct net_address *ret_address,
			 char *error)
{
	static const char scheme[] = "http://";
	const char *text = settings->metrics_listener;
	char *setting;

	if (!text || !*text)
		return 0;
	if (strncmp(text, scheme, strlen(scheme)) == 0 &&
	    net_address_parse(text + strlen(scheme), ret_address) == 0 && ret_address->port != 0)
		return 0;
	setting = placed_name(settings->metrics_listener_place, "metrics.listener");
	snprintf(error, SETTINGS_ERROR_BYTES, "%s: %s: expected http://ADDRESS:PORT", setting,
		 text);
	mem_free(setting);
	return -EINVAL;
}

int broker_addresses_parse(const struct broker_settings *settings,
			   struct broker_addresses *ret_addresses,
			   char error[static SETTINGS_ERROR_BYTES])
{
	struct broker_addresses a = {0};
	int rc = parse_listeners(settings, &a, error);

	if (rc == 0)
		rc = parse_slots(settings, &a, error);
	if (rc == 0)
		rc = parse_metrics(settings, &a.metrics, error);
	if (rc == 0)
		rc = parse_voters(settings, a.voters, error);
	if (rc < 0) {
		broker_addresses_done(&a);
		return rc;
	}
	a.voter_count = rc;
	*ret_addresses = a;
	return 0;
}

void broker_addresses_done(struct broker_addresses *addresses)
{
	for (int i = 0; i < IMAGE_LISTENERS; i++) {
		image_endpoint_done(&addresses->listeners[i]);
		image_endpoint_done(&addresses->advertised[i]);
	}
	for (int i = 0; i < QUORUM_MOST_VOTERS; i++)
		image_endpoint_done(&addresses->voters[i].endpoint);
	for (int32_t i = 0; i < addresses->slot_count * addresses->per_slot; i++)
		image_endpoint_done(&addresses->slots[i]);
	mem_free(addresses->slots);
	*addresses = (struct broker_addresses){0};
}
