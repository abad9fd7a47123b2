# Runs in a session of its own, outlives the owner and removes what the owner could not.
# $1 is the server's directory. Standard input is a pipe that only the owner holds open. Each line on it is the
# process id of the owner's current child; the pipe ends when the owner does.
dir=$1
pid=
while read -r line; do pid=$line; done

[ -d "$dir" ] || exit 0 # Stop has removed it

# The process id may belong to another process by now: only one whose arguments name our directory is ours.
# A zombie has no arguments, so it counts as ended.
ours() {
	[ -n "$pid" ] || return 1
	if [ -d /proc/self ]; then
		arguments=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")
	else
		arguments=$(ps -ww -o args= -p "$pid" 2>/dev/null)
	fi
	case $arguments in
	*"$dir"*) return 0 ;;
	*) return 1 ;;
	esac
}

# The immediate shutdown first: the server, or initdb, ends its children and frees their shared memory.
# By force after six seconds, one more than PostgreSQL gives its children.
tries=0
while ours; do
	case $tries in
	0) kill -s QUIT "$pid"; kill -s CONT "$pid" ;; # a suspended process receives nothing
	60) kill -s KILL -- "-$pid" ;;
	esac
	tries=$((tries + 1))
	sleep 0.1
done 2>/dev/null

# The server's last children may still be writing.
tries=0
until rm -rf "$dir" 2>/dev/null || [ "$tries" -ge 50 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
