# Runs in a session of its own, outlives the owner and ends what the owner could not.
# $1 is the signal that asks a child to end: it goes to the child alone, or with $2 "-" to its process group. After
# $3 tenths of a second the group is killed. $4 is a directory to remove then, empty for none.
# Standard input is a pipe that only the owner holds open. Each line on it is the process id of the owner's current
# child, or with a minus sign before it one that has ended; the pipe ends when the owner does.
signal=$1 group=$2 patience=$3 dir=$4
child=
while read -r line; do
	case $line in
	"-$child") child= ;;
	-*) ;; # another one is the current child by now
	*) child=$line ;;
	esac
done

[ -z "$dir" ] || [ -d "$dir" ] || exit 0 # the owner has removed it, and before that its child

# The owner says of every child that has ended, before its process id can belong to another process. A zombie, which
# has no arguments, counts as ended.
running() {
	[ -n "$child" ] || return 1
	kill -s 0 -- "$group$child" || return 1
	[ -n "$group" ] || [ ! -d /proc/self ] || [ -n "$(tr '\0' ' ' <"/proc/$child/cmdline")" ]
}

# What is left of a killed group are zombies that nobody reaps: not waited for without end.
tries=0
while running && [ "$tries" -lt $((patience + 50)) ]; do
	case $tries in
	0) kill -s "$signal" -- "$group$child"; kill -s CONT -- "$group$child" ;; # a suspended process receives nothing
	"$patience") kill -s KILL -- "-$child" ;;
	esac
	tries=$((tries + 1))
	sleep 0.1
done 2>/dev/null

# The last children may still be writing.
tries=0
until [ -z "$dir" ] || rm -rf "$dir" 2>/dev/null || [ "$tries" -ge 50 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
