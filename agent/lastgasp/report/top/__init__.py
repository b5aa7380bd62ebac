"""One instant of a recording as a screen: what ``lastgasp top`` shows. Knows no terminal and no keyboard."""
