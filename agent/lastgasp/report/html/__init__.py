"""The report as a page for a browser: one file that needs no network, safe whatever the recording holds.

``data`` chooses what the charts need and ``downsample`` makes it small; ``sections`` writes what needs no script;
``page`` puts both together with the scripts and the style beside it. Text from the recording gets in by ``markup``
and by ``page.embedded`` only, both of which leave no byte of it to be taken for markup.
"""
