#!/bin/busybox sh
# The guest's first process: tries firetower, tells on the serial console, powers off.
#
# Lines that start with @@ are for xtask/src/vm/verdict.rs. /pythons lists the interpreters, one path a line.
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev

echo "@@kernel $(uname -r)"

firetower doctor >/tmp/told 2>&1
echo "@@doctor $?"
cat /tmp/told

while read -r python; do
    # -S, -E: nothing but what the interpreter itself needs is here.
    "$python" -S -E /busy.py /tmp/ready 2>/tmp/broken &
    pid=$!
    until [ -e /tmp/ready ] || ! kill -0 $pid; do sleep 0.1; done
    firetower record -d 3 -F 99 -o - -p $pid </dev/null >/tmp/folded 2>/tmp/told
    echo "@@record $? $python"
    cat /tmp/folded
    echo "@@told"
    cat /tmp/told /tmp/broken
    kill $pid
    wait $pid
    rm -f /tmp/ready
done </pythons

echo "@@end"
poweroff -f
