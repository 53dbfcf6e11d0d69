#!/bin/sh
# Installs what drover's sandbox and tests need beside Go: a JDK 17, Maven, gcc
# and the ssh client. It says nothing when all of it is there. On Debian and Ubuntu (as root or
# with sudo) and on macOS with Homebrew it installs what is missing; elsewhere,
# or where it may not, it prints the command to run and exits 1.
set -eu

# The first and the last Java release HBase 2.5 and Hadoop 3.4 run on.
java_min=17
java_max=23
go_min=26 # of Go 1.x

die() {
	echo "setup: $*" >&2
	exit 1
}

# java_fits: the java the sandbox would use (JAVA_HOME first) is a fit release.
java_fits() {
	java=java
	if [ -n "${JAVA_HOME:-}" ]; then
		java=$JAVA_HOME/bin/java
	fi
	command -v "$java" >/dev/null 2>&1 || return 1
	# macOS has a java that only says there is none.
	release=$("$java" -XshowSettings:properties -version 2>&1 |
		sed -n 's/.*java\.specification\.version = \([0-9]*\).*/\1/p') || return 1
	[ -n "$release" ] && [ "$release" -ge "$java_min" ] && [ "$release" -le "$java_max" ]
}

mvn_fits() { command -v mvn >/dev/null 2>&1; }

# The race detector of go test needs a C compiler.
cc_fits() { command -v "${CC:-gcc}" >/dev/null 2>&1 || command -v clang >/dev/null 2>&1; }

check_go() {
	command -v go >/dev/null 2>&1 || die "go is not installed; install Go 1.$go_min or newer: https://go.dev/doc/install"
	version=$(go env GOVERSION) # go1.26.1
	minor=$(echo "$version" | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
	case $version in
	devel*) return ;;
	esac
	if [ -z "$minor" ] || [ "$minor" -lt "$go_min" ]; then
		die "go is $version; install Go 1.$go_min or newer: https://go.dev/doc/install"
	fi
}

# missing prints what is not there, in the words of this script.
missing() {
	java_fits || echo jdk
	mvn_fits || echo maven
	cc_fits || echo gcc
	command -v ssh >/dev/null 2>&1 || echo ssh
}

# packages FAMILY: the packages of that system for the words on stdin.
packages() {
	while read -r word; do
		case $1:$word in
		debian:jdk) echo openjdk-17-jdk-headless ;;
		debian:gcc) echo gcc libc6-dev ;;
		debian:ssh) echo openssh-client ;;
		brew:jdk) echo openjdk@17 ;;
		*:*) echo "$word" ;;
		esac
	done | tr '\n' ' '
}

# java_home_hint: an unfit JAVA_HOME hides every java that could be installed.
java_home_hint() {
	if [ -n "${JAVA_HOME:-}" ] && ! java_fits; then
		die "JAVA_HOME=$JAVA_HOME holds no JDK $java_min to $java_max; unset it or point it at one"
	fi
}

# as_root CMD...: runs it as root; sudo may ask for a password.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# may_be_root: sudo is of use if it asks nothing, or if a person can answer.
may_be_root() {
	[ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null 2>&1; }
}

install_debian() {
	list=$(missing | packages debian)
	if ! may_be_root; then
		die "missing: ${list% }; run: sudo apt-get update && sudo apt-get install -y $list"
	fi
	echo "setup: installing ${list% } (once)" >&2
	export DEBIAN_FRONTEND=noninteractive
	as_root apt-get update -qq || die "apt-get update failed; it said why above"
	# A release without JDK 17 has a newer one under the default name.
	if echo "$list" | grep -q openjdk-17 && ! apt-cache show openjdk-17-jdk-headless >/dev/null 2>&1; then
		list=$(echo "$list" | sed 's/openjdk-17-jdk-headless/openjdk-21-jdk-headless/')
	fi
	# shellcheck disable=SC2086 # one package a word
	as_root apt-get install -y -qq --no-install-recommends $list >&2 ||
		die "apt-get install ${list% } failed; it said why above"
}

install_brew() {
	list=$(missing | packages brew)
	echo "setup: installing ${list% } (once)" >&2
	# shellcheck disable=SC2086 # one package a word
	brew install --quiet $list >&2 || die "brew install ${list% } failed; it said why above"
	if ! java_fits; then
		# Homebrew keeps this JDK to itself, and a script cannot set its caller's environment.
		die "the JDK is installed; now run: export JAVA_HOME=$(brew --prefix openjdk@17)/libexec/openjdk.jdk/Contents/Home"
	fi
}

check_go
lacking=$(missing | tr '\n' ' ')
if [ -z "$lacking" ]; then
	exit 0
fi
java_home_hint

if command -v apt-get >/dev/null 2>&1; then
	install_debian
elif [ "$(uname -s)" = Darwin ] && command -v brew >/dev/null 2>&1; then
	install_brew
else
	die "missing: ${lacking% }; install with your system's package manager: a JDK $java_min (packages java-17-openjdk-devel or jdk17-openjdk), maven, gcc, ssh"
fi

lacking=$(missing | tr '\n' ' ')
if [ -n "$lacking" ]; then
	die "still missing after installing: ${lacking% }; is another one first on PATH?"
fi
