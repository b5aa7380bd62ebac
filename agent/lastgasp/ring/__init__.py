"""The ring on flash: its format (FORMAT.md), its writer and its reader.

``format`` holds the constants and the integers' encoding; ``encoder`` turns samples into a payload;
``writer`` puts payloads into blocks and blocks onto storage; ``prepare`` creates a ring or finds the place
where to go on; ``pmsg`` mirrors what is not yet on flash; ``scan`` and ``payload`` read it all back.
"""
