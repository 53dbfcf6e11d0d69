package command

// identityFunction prints what no later process with the same id shares, and
// fails when there is no such process. A zombie has ended.
const identityFunction = `
identity() {
	if [ -r /proc/sys/kernel/random/boot_id ]; then
		read -r boot </proc/sys/kernel/random/boot_id
		{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
		stat=${stat##*) }
		case $stat in Z*) return 1 ;; esac
		set -- $stat
		echo "$boot ${20}"
	else
		ps -o lstart= -p "$1"
	fi
}
# group_lives ID: kill -0 would find zombies too, and where nothing reaps them
# they stay.
group_lives() {
	if [ ! -r /proc/sys/kernel/random/boot_id ]; then
		kill -s 0 -- "-$1" 2>/dev/null
		return
	fi
	wanted=$1
	for file in /proc/[0-9]*/stat; do
		{ read -r stat <"$file"; } 2>/dev/null || continue
		set -- ${stat##*) }
		[ "$3" = "$wanted" ] && [ "$1" != Z ] && return 0
	done
	return 1
}
same_boot() {
	[ -r /proc/sys/kernel/random/boot_id ] || return 0
	read -r boot </proc/sys/kernel/random/boot_id
	[ "${1% *}" = "$boot" ]
}
`

// wrapperScript is the process a job consists of: sh -c wrapperScript drover-job
// DIR ARGV... It leads a session of its own. The hard link is the claim: of
// wrappers started by two workers at once one runs the command. It stays until
// the command has ended, whatever signal its group gets short of SIGKILL, to
// record how.
const wrapperScript = `
job=$1
shift
umask 077
cd "$job" || exit 1
trap : HUP INT TERM
` + identityFunction + `
{ echo "$$"; identity "$$"; date +%s; } >"claim.$$" || exit 1
if ! ln "claim.$$" pid 2>/dev/null; then
	rm -f "claim.$$"
	exit 0
fi
rm -f "claim.$$"
"$@" >stdout 2>stderr </dev/null
code=$?
{ echo "$code"; date +%s; } >"exit.$$" && mv "exit.$$" exit
`

// prepareScript makes the directory $1 of a job and leaves digest $2 and
// printable command $3 in it, unless a job is there. It prints the digest that
// counts.
const prepareScript = `
umask 077
mkdir -p "$1" && cd "$1" || return 1
printf '%s\n' "$2" "$3" >"spec.$$" || return 1
ln "spec.$$" spec 2>/dev/null
rm -f "spec.$$"
head -n 1 spec
`

// lookScript prints what is known of the job in $1: lines "word value". A group
// whose leader is gone still runs: the leader's id is not given to another
// process while the group lives.
const lookScript = identityFunction + `
cd "$1" 2>/dev/null || { echo "phase absent"; return 0; }
[ -e cancelled ] && echo "cancelled yes"
if [ -e pid ]; then
	{ read -r pid; read -r was; read -r started; } <pid
	echo "pid $pid"
	echo "started $started"
fi
if [ -e exit ]; then
	{ read -r code; read -r ended; } <exit
	echo "code $code"
	echo "ended $ended"
	echo "phase exited"
elif [ ! -e pid ]; then
	echo "phase absent"
elif now=$(identity "$pid"); then
	if [ "$now" = "$was" ]; then echo "phase running"; else echo "phase lost"; fi
elif same_boot "$was" && group_lives "$pid"; then
	echo "phase running"
elif [ -e exit ]; then
	{ read -r code; read -r ended; } <exit
	echo "code $code"
	echo "ended $ended"
	echo "phase exited"
else
	echo "phase lost"
fi
`

// signalScript sends signal $2 to the group of the job in $1. The caller has
// seen it running. "kill" says on stderr what it refuses; a group that ended
// meanwhile is no failure.
const signalScript = `
cd "$1" || return 1
[ -e cancelled ] || echo "$2" >cancelled || return 1
read -r pid <pid || return 1
kill -s 0 -- "-$pid" 2>/dev/null || return 0
kill -s "$2" -- "-$pid"
`

// outputScript prints at most $4 bytes of file $2 of the job in $1, after $3-1.
const outputScript = `
cd "$1" || return 1
[ -e "$2" ] || return 0
tail -c "+$3" "$2" | head -c "$4"
`

// spawnScript starts a job where only a shell can: $1 the wrapper, then what it
// takes.
const spawnScript = `
wrapper=$1
shift
setsid sh -c "$wrapper" drover-job "$@" </dev/null >/dev/null 2>&1 &
`

// listScript prints the names of the jobs in $1; before the first one there is
// no directory.
const listScript = `
[ -d "$1" ] || return 0
ls "$1"
`

const forgetScript = `rm -rf "$1"`

// runScript runs the command it is given and waits for it.
const runScript = `"$@"`
