"""Simulation of the whole loop with an artificial audience: does the site learn, and does it resist attackers?"""
