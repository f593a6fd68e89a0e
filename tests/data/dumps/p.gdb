[Thread debugging using libthread_db enabled]
Using host libthread_db library "/lib/x86_64-linux-gnu/libthread_db.so.1".
0x00007f66acc80dd0 in __libc_pause () at ../sysdeps/unix/sysv/linux/pause.c:29
process 27201
Mapped address spaces:

          Start Addr           End Addr       Size     Offset  Perms  objfile
      0x55aea6369000     0x55aea636a000     0x1000        0x0  r--p   /opt/prog/advp
      0x55aea636a000     0x55aea636b000     0x1000     0x1000  r-xp   /opt/prog/advp
      0x55aea636b000     0x55aea636c000     0x1000     0x2000  r--p   /opt/prog/advp
      0x55aea636c000     0x55aea636d000     0x1000     0x2000  r--p   /opt/prog/advp
      0x55aea636d000     0x55aea636e000     0x1000     0x3000  rw-p   /opt/prog/advp
      0x55aedb9cc000     0x55aedb9ed000    0x21000        0x0  rw-p   [heap]
      0x7f66acb6a000     0x7f66acb6b000     0x1000        0x0  ---p   
      0x7f66acb6b000     0x7f66acb6c000     0x1000        0x0  rw-p   
      0x7f66acb6c000     0x7f66acb6d000     0x1000        0x0  ---p   
      0x7f66acb6d000     0x7f66acb6e000     0x1000        0x0  rw-p   
      0x7f66acb6e000     0x7f66acb6f000     0x1000        0x0  ---p   
      0x7f66acb6f000     0x7f66acb70000     0x1000        0x0  rw-p   
      0x7f66acb70000     0x7f66acb71000     0x1000        0x0  ---p   
      0x7f66acb71000     0x7f66acb72000     0x1000        0x0  rw-p   
      0x7f66acb72000     0x7f66acb73000     0x1000        0x0  ---p   
      0x7f66acb73000     0x7f66acb74000     0x1000        0x0  rw-p   
      0x7f66acb74000     0x7f66acb75000     0x1000        0x0  ---p   
      0x7f66acb75000     0x7f66acb76000     0x1000        0x0  rw-p   
      0x7f66acb76000     0x7f66acb77000     0x1000        0x0  ---p   
      0x7f66acb77000     0x7f66acb78000     0x1000        0x0  rw-p   
      0x7f66acb78000     0x7f66acb79000     0x1000        0x0  ---p   
      0x7f66acb79000     0x7f66acb7a000     0x1000        0x0  rw-p   
      0x7f66acb7a000     0x7f66acb7b000     0x1000        0x0  ---p   
      0x7f66acb7b000     0x7f66acb7c000     0x1000        0x0  rw-p   
      0x7f66acb7c000     0x7f66acb7d000     0x1000        0x0  ---p   
      0x7f66acb7d000     0x7f66acb9c000    0x1f000        0x0  rw-p   
      0x7f66acb9c000     0x7f66acb9e000     0x2000        0x0  rw-p   
      0x7f66acb9e000     0x7f66acbad000     0xf000        0x0  rw-p   
      0x7f66acbad000     0x7f66acbd3000    0x26000        0x0  r--p   /usr/lib/x86_64-linux-gnu/libc.so.6
      0x7f66acbd3000     0x7f66acd29000   0x156000    0x26000  r-xp   /usr/lib/x86_64-linux-gnu/libc.so.6
      0x7f66acd29000     0x7f66acd7c000    0x53000   0x17c000  r--p   /usr/lib/x86_64-linux-gnu/libc.so.6
      0x7f66acd7c000     0x7f66acd80000     0x4000   0x1cf000  r--p   /usr/lib/x86_64-linux-gnu/libc.so.6
      0x7f66acd80000     0x7f66acd82000     0x2000   0x1d3000  rw-p   /usr/lib/x86_64-linux-gnu/libc.so.6
      0x7f66acd82000     0x7f66acd8f000     0xd000        0x0  rw-p   
      0x7f66acd9a000     0x7f66acd9c000     0x2000        0x0  rw-s   /dev/zero (deleted)
      0x7f66acd9c000     0x7f66acd9e000     0x2000        0x0  rw-p   
      0x7f66acd9e000     0x7f66acda2000     0x4000        0x0  r--p   [vvar]
      0x7f66acda2000     0x7f66acda4000     0x2000        0x0  r--p   [vvar_vclock]
      0x7f66acda4000     0x7f66acda6000     0x2000        0x0  r-xp   [vdso]
      0x7f66acda6000     0x7f66acda7000     0x1000        0x0  r--p   /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
      0x7f66acda7000     0x7f66acdcd000    0x26000     0x1000  r-xp   /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
      0x7f66acdcd000     0x7f66acdd7000     0xa000    0x27000  r--p   /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
      0x7f66acdd7000     0x7f66acdd9000     0x2000    0x31000  r--p   /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
      0x7f66acdd9000     0x7f66acddb000     0x2000    0x33000  rw-p   /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
      0x7ffcdd988000     0x7ffcdd9a9000    0x21000        0x0  rw-p   [stack]
  0xffffffffff600000 0xffffffffff601000     0x1000        0x0  --xp   [vsyscall]
[Inferior 1 (process 27201) detached]
