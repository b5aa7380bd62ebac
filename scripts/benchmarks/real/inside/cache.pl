# A cache that forgets: 20,000 entries, each replaced when its turn comes again.
use strict;
use warnings;

my (%cache, $number);
while (1) {
    for (1 .. 40) {
        my $key = $number++ % 20000;
        $cache{$key} = { text => 'x' x int(100 + rand 300), number => $number };
    }
    select undef, undef, undef, 0.5;
}
