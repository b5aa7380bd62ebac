"""What ``lastgasp-agent help`` prints. Loaded for that only: the running agent does not carry it."""

HELP = """\
usage: lastgasp-agent COMMAND

  run [--wait]          record, in the foreground (init scripts put it into the
                        background); --wait: where the ring's place is not there
                        yet (not mounted, read-only, no such folder or device),
                        wait for it; without that such a ring is refused
  status [--json]       what the running agent costs, has written and cannot see
  mark TEXT             put a mark into the recording:
                        lastgasp-agent mark "test 7"
  flush                 have everything written to flash now
  dump [--ring FILE]    the ring to standard output:
                        lastgasp-agent dump | gzip > ring.gz
  dump --frames WORD [--have RING:WRITES] [--same RING:WRITE-CRC]
       [--last SECONDS] [--want SLOTS] [--base 64|85] [--size BYTES]
                        what "lastgasp pull" asks for: an index, then blocks,
                        the newest first, in lines that WORD goes into the
                        checksums of. Not those that --have names (1f2e:1-5,9);
                        of the --last seconds only; --same: tell if a write is
                        not the block that ends with this CRC; --want 7,3.0.4:
                        slot 7 and two lines of slot 3 again, no index; lines of
                        --base letters (85), --size bytes of data (400)
  dump --follow --frames WORD [--interval 2s] [--for 10m]
                        what "lastgasp live" on a laptop asks for: new samples
                        to standard output, in lines that WORD goes into the
                        checksums of; 60 processes take about 0.5 kB a sample
                        at 1 s. A process of its own: writes no file, and the
                        agent records as before
  clear --have RING:WRITES [--ring FILE]
                        what "lastgasp pull --clear" asks for: blank these
                        blocks, which a laptop has
  tune HOW              the OOM killer's opinion of processes, as "tune" in the
                        configuration names it:
    --show              the rules, and what the processes that they are for have
                        and shall have
    --dry-run           what would be changed, and what speaks against it
    --apply             change it now; without a running agent: once, and nobody
                        goes on with it
    --revert            have the running agent put the old values back, and
                        change nothing more until --apply
  selftest              what this kernel offers, what is absent, and what that
                        costs
  help, version

options for all of them: --config FILE (default /etc/lastgasp.conf where it is
there)

exit status: 0 done; 1 it could not be done; 2 wrong use or configuration;
3 no agent is running
"""
