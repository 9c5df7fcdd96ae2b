# How Bellwether is installed: `make install`, which debian/rules uses too. PREFIX is where programs
# and manuals go, DESTDIR a folder that stands for /. Settings and data do not move with PREFIX.
PREFIX     ?= /usr/local
DESTDIR    ?=
sysconfdir ?= /etc
sbindir    ?= $(PREFIX)/sbin
bindir     ?= $(PREFIX)/bin
mandir     ?= $(PREFIX)/share/man
docdir     ?= $(PREFIX)/share/doc/bellwether
unitdir    ?= $(PREFIX)/lib/systemd/system
usersdir   ?= $(PREFIX)/lib/sysusers.d
tmpfilesdir ?= $(PREFIX)/lib/tmpfiles.d

manuals := man8/bellwether.8 man8/bwsteer.8 man1/bwctl.1 man5/bellwether.properties.5 \
	man5/bwsteer.properties.5
documents := LICENSE deploy/three-nodes.md deploy/dashboards/metrics.md \
	deploy/dashboards/bellwether.json
fill_in = sed 's,@sbindir@,$(sbindir),;s,@sysconfdir@,$(sysconfdir),;s,@docdir@,$(docdir),'
place = install -D -m 644
explain := deploy/etc/explain deploy/etc/file.awk deploy/etc/manual.awk

.PHONY: install uninstall installed-files deb

# Settings files and their manuals come from the programs' own lists of settings.
$(BUILD)/etc/%.properties: $(BUILD)/% deploy/etc/%.properties.in $(explain)
	@mkdir -p $(@D)
	@$< --settings | deploy/etc/explain file deploy/etc/$*.properties.in >$@.new && mv $@.new $@
$(BUILD)/man/%.properties.5: $(BUILD)/% deploy/man/%.properties.5.in $(explain)
	@mkdir -p $(@D)
	@$< --settings | deploy/etc/explain manual deploy/man/$*.properties.5.in >$@.new && \
		mv $@.new $@
$(BUILD)/man/%: deploy/man/%
	@mkdir -p $(@D)
	@cp $< $@

installed-files: all $(patsubst %,$(BUILD)/etc/%.properties,bellwether bwsteer) \
	$(addprefix $(BUILD)/man/,$(notdir $(manuals)))

# A settings file that is there is the operator's.
install: installed-files ## install into PREFIX (/usr/local), below DESTDIR
	@set -e; for d in bellwether bwsteer; do \
		install -D $(BUILD)/$$d $(DESTDIR)$(sbindir)/$$d; \
		$(place) deploy/systemd/$$d.sysusers $(DESTDIR)$(usersdir)/$$d.conf; \
		$(place) deploy/systemd/$$d.tmpfiles $(DESTDIR)$(tmpfilesdir)/$$d.conf; \
		mkdir -p $(DESTDIR)$(unitdir); \
		$(fill_in) deploy/systemd/$$d.service >$(DESTDIR)$(unitdir)/$$d.service; \
		settings=$(DESTDIR)$(sysconfdir)/bellwether/$$d.properties; \
		[ -e $$settings ] || { $(place) /dev/null $$settings; \
			$(fill_in) $(BUILD)/etc/$$d.properties >$$settings; }; \
	done; \
	install -D $(BUILD)/bwctl $(DESTDIR)$(bindir)/bwctl; \
	for page in $(manuals); do \
		$(place) $(BUILD)/man/$${page#*/} $(DESTDIR)$(mandir)/$$page; \
	done; \
	$(place) -t $(DESTDIR)$(docdir) $(documents); \
	$(place) bpf/LICENSE $(DESTDIR)$(docdir)/LICENSE.bpf
	@[ -n "$(DESTDIR)" ] || echo "now, as root: systemd-sysusers && systemd-tmpfiles --create" \
		"&& systemctl daemon-reload && systemctl enable --now bellwether"

uninstall: ## remove what install has installed, but for settings, users and data
	@rm -f $(foreach d,bellwether bwsteer,$(DESTDIR)$(sbindir)/$(d) \
		$(DESTDIR)$(usersdir)/$(d).conf $(DESTDIR)$(tmpfilesdir)/$(d).conf \
		$(DESTDIR)$(unitdir)/$(d).service) $(DESTDIR)$(bindir)/bwctl \
		$(addprefix $(DESTDIR)$(mandir)/,$(manuals))
	@rm -rf $(DESTDIR)$(docdir)

# In a copy of the tree, because Debian's tools write beside and into it; and without what this make
# was told: that one would take our BUILD for its own, and begins with `make clean`.
deb: ## build the Debian packages into build/deb/
	@rm -rf $(BUILD)/deb
	@mkdir -p $(BUILD)/deb/source
	@tar -c --exclude=./$(BUILD) --exclude=./build --exclude=./data --exclude=./.git . | \
		tar -x -C $(BUILD)/deb/source
	@cd $(BUILD)/deb/source && env -u MAKEFLAGS -u MFLAGS -u BUILD \
		dpkg-buildpackage -b -us -uc >../build.log 2>&1 || \
		{ tail -n 30 ../build.log; exit 1; }
	@rm -rf $(BUILD)/deb/source
	@ls $(BUILD)/deb/*.deb
