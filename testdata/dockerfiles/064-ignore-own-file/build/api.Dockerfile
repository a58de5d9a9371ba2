FROM scratch
LABEL it=this
COPY . /ctx/
